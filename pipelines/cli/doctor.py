"""`binlake doctor`: what is wrong on this machine, and how to fix it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pipelines.cli.options import FLOWS_FILE, Config, Json, loaded
from pipelines.cli.output import say, write_json
from pipelines.cli.tables import write_records, write_table
from pipelines.context.receipts import worst

PROBE_FILE = "binlake-probe.json"


async def doctor(
    *,
    probe: Annotated[
        bool, Parameter(help="ask the exchange what nobody has verified, and write the answers to a file")
    ] = False,
    json: Json = False,
    config: Config = FLOWS_FILE,
) -> int:
    """Examine clock, keys, permissions, addresses, disk, budget, Prefect: what is wrong, and how to fix it."""
    from pipelines.service.doctor import examine  # noqa: PLC0415 - `init` needs neither client nor lake

    if probe:
        return await _probe(config, json=json)
    findings = [finding async for finding in examine(config)]
    if json:
        write_json(findings)
    else:
        write_table(
            ("", "what", "how it stands", "fix"), [(each.level, each.what, each.says, each.fix) for each in findings]
        )
    return worst(finding.exit_code for finding in findings)


async def _probe(config: Path, *, json: bool) -> int:
    """Make every probe, show what each decides, and write the file that a user can send."""
    from connectors.binance.probes import NOT_ASKED  # noqa: PLC0415 - see above
    from connectors.lake.files.local_disk import disk_problems, whole_file  # noqa: PLC0415 - see above
    from pipelines.service import probe  # noqa: PLC0415 - see above

    spec = loaded(config)
    found = [each async for each in probe.probe(spec)]
    rows = probe.rows(found)
    if json:
        write_json(rows)
    else:
        write_records(("statement", "found", "means"), [tuple(row.values()) for row in rows])
        for statement, why in NOT_ASKED.items():
            say(f"Not asked: {statement}: {why}.")
    place = config.parent / PROBE_FILE
    with disk_problems(place, "the answers were not kept"), whole_file(place) as draft:
        draft.write_text(probe.as_file(found, spec), "utf-8")
    say(f"Wrote {place}: no key, id, amount or traded symbol is in it. Please send it to the authors.")
    return 0
