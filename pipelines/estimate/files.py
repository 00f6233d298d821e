"""Which files of an account's futures would be asked for, and what they would spend of the month's quota."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from connectors.lake import Lake
from pipelines.estimate.trial import trial_lake
from pipelines.runs.exports import downloads_of, wanted_files
from pipelines.runs.registry import Window
from pipelines.settings.loader import flow_named
from pipelines.statements.asked_files import asked_files, quota_line, spent
from schemas.config.flows import AccountFlow, FlowsFile
from schemas.model.instants import moment, wall_clock
from schemas.statements.quotas import QUOTAS


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFile:
    """A file to ask for: one more of its quota, of which so many were asked for in this month."""

    market: str
    export: str
    since: datetime
    until: datetime
    spent: int
    quota: int


def quota_note(lake: Lake, flow: AccountFlow, now: int) -> str:
    """What was spent of the quotas of a flow's files in this month; empty where none was ever asked for."""
    kinds = [(one.market, one.export) for one in downloads_of(flow)]
    files = asked_files(lake, flow.account) if kinds else []
    return f"Files of futures asked for this month: {quota_line(files, kinds, now)}." if files else ""


def planned_files(config: FlowsFile, name: str, window: Window) -> list[PlannedFile]:
    """The files that a flow would ask for. UsageProblem where the exchange makes none of it."""
    flow, now = flow_named(config, name), wall_clock()
    with trial_lake(config) as lake:
        wanted = wanted_files(lake, name, flow, window, now)
        assert isinstance(flow, AccountFlow)  # noqa: S101 - others have no files
        files = asked_files(lake, flow.account)
    return [
        PlannedFile(
            market=one.download.market,
            export=one.download.export,
            since=moment(since),
            until=moment(until),
            spent=spent(files, QUOTAS[one.download.market, one.download.export], now),
            quota=QUOTAS[one.download.market, one.download.export].most,
        )
        for one in wanted
        for since, until in one.spans
    ]
