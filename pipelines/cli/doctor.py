"""`binlake doctor`: what is wrong on this machine, and how to fix it."""

from __future__ import annotations

from pipelines.cli.options import FLOWS_FILE, Config, Json
from pipelines.cli.output import write_json
from pipelines.cli.tables import write_table
from pipelines.context.receipts import worst


async def doctor(*, json: Json = False, config: Config = FLOWS_FILE) -> int:
    """Examine clock, keys, permissions, addresses, disk, budget, Prefect: what is wrong, and how to fix it."""
    from pipelines.service.doctor import examine  # noqa: PLC0415 - `init` needs neither client nor lake

    findings = [finding async for finding in examine(config)]
    if json:
        write_json([finding.to_json() for finding in findings])
    else:
        write_table(
            ("", "what", "how it stands", "fix"), [(each.level, each.what, each.says, each.fix) for each in findings]
        )
    return worst(finding.exit_code for finding in findings)
