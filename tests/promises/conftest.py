"""Promises about the whole of binlake are tried at its command line."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.beside import Served
from support.desks import API_KEY, SECRET
from support.diary import DayClock, Diary
from support.trade_desk import UNLIMITED, small_exchange

from connectors.binance.budget import Budget, default_path
from connectors.binance.pools import SPOT
from pipelines.cli import main


@pytest.fixture
def diary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Diary]:
    """The flows.yaml of `binlake init`, on a served exchange where it is the morning of 2026-10-28."""
    clock, environment, mask = DayClock("2026-10-28T08:00"), dict(os.environ), os.umask(0o022)
    monkeypatch.setenv("BINANCE_API_KEY", API_KEY)
    monkeypatch.setenv("BINANCE_API_SECRET", SECRET)
    Budget(default_path(), "simulator").learn(SPOT, UNLIMITED)  # so that not even the first run is paced
    with Served(small_exchange(clock)) as served:
        config = tmp_path / "flows.yaml"
        assert main(["init", "--config", str(config)]) == 0
        config.write_text(_pointed(config.read_text(), served.url))
        yield Diary(config, served.exchange, clock, capsys)
    os.umask(mask)
    os.environ.clear()
    os.environ.update(environment)


def _pointed(flows: str, url: str) -> str:
    """The file with a simulator in the place of the exchange, since a day in its time, and two symbols with a story."""
    edits = {
        r"exchange: live": f"exchange: {{spot: '{url}', archive: '{url}', archive_list: '{url}'}}",
        r"since: [\d-]+": "since: 2026-10-24",
        r"symbols: \[BTCUSDT, ETHUSDT\]": "symbols: [BTCUSDT, ETHUSDT, XRPUSDT, 币安人生USDT]",
    }
    for old, new in edits.items():
        flows, count = re.subn(old, new, flows)
        assert count == 1, f"flows.yaml has no {old}"
    return flows
