"""An account gets its first key, typed, and its next one, made here, in a program that may be run again at any point.

`python rotation.py FOLDER` prints which key works when it begins and when it is done, one JSON line each. ROTATION_URL
is the exchange, which takes the typed key, and whatever public key is registered with it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

from connectors.binance.keys import Secret
from connectors.lake import Lake
from pipelines.context.key_log import known_keys
from pipelines.keys.candidate import Given
from pipelines.keys.changing import Changing
from pipelines.keys.generations import Generation
from pipelines.keys.looking import looked
from pipelines.settings.loader import load

UID = 7
TYPED = {"API key": "t" * 64, "API secret": "s" * 64}
FLOWS = """\
exchange: {{spot: '{url}'}}
accounts:
  main: {{api_key: env:ROTATION_KEY, secret: env:ROTATION_SECRET}}   # the only one
flows:
  wallet: {{kind: account, account: main, datasets: [balances]}}
"""


def register(folder: Path) -> str:
    """What a person does meanwhile: hand the public key to the exchange, and come back with its API key."""
    public = Generation(folder / "keys", "main", 2).public_key()
    api_key = hashlib.sha256(str(folder).encode()).hexdigest()  # one of its own for each run of the sweep
    order = json.dumps({"api_key": api_key, "uid": UID, "public_key": public}).encode()
    url = f"{os.environ['ROTATION_URL']}/simulator/key"
    urllib.request.urlopen(urllib.request.Request(url, order, method="POST")).close()  # noqa: S310 - loopback
    return api_key


def changing(folder: Path, *, generate: bool) -> Changing:
    def ask(what: str) -> Secret:
        return Secret(register(folder) if generate else TYPED[what])

    return Changing(
        flows=folder / "flows.yaml", given=Given(generate=generate), ask=ask, say=lambda *_: None, state=_state(folder)
    )


def _state(folder: Path) -> Path:
    return folder.parent / f"state-{folder.name}" / "budget.sqlite"


def tell(folder: Path) -> dict[str, Any]:
    """Which key works now, and whether flows.yaml still says all else."""
    config = load(folder / "flows.yaml")
    found = asyncio.run(looked(config, "main", _state(folder)))
    told = {"places": [place.name.rpartition("/")[2] for place in config.accounts["main"].places]}
    told["states"] = sorted(row["state"] for row in known_keys(Lake.at(config.lake), "main").values())
    told |= {"uid": found.uid, "problem": found.problem, "comment": (folder / "flows.yaml").read_text().count("# the")}
    print(json.dumps(told))
    return told


def main(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    if not (flows := folder / "flows.yaml").exists():
        draft = folder.with_name(f"flows-{folder.name}.yaml")
        draft.write_text(FLOWS.format(url=os.environ["ROTATION_URL"]))
        draft.replace(flows)
    Lake.open(folder / "lake", "simulator")
    places = tell(folder)["places"]
    if "ROTATION_KEY" in places:
        changing(folder, generate=False).add("main")
    if "main-2.pem" not in places:
        changing(folder, generate=True).rotate("main")
    tell(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
