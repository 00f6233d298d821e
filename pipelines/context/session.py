"""What every pull of one run shares."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from connectors.binance.archive.client import Archive
from connectors.binance.client import Client
from connectors.binance.endpoints.model import Endpoint
from connectors.lake import Lake
from pipelines.context.progress import Progress
from pipelines.context.run_log import Journal
from pipelines.store.looks import Looks
from schemas.model.errors import Problem


@dataclass(slots=True, kw_only=True)
class Session:
    """The lake, the client, the archive where the site has one, the journal, the progress, and the wish to stop."""

    lake: Lake
    client: Client
    journal: Journal
    progress: Progress
    archive: Archive | None = None
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    again: bool = False  # ask now for what is otherwise asked for again at a slow rate
    notes: list[str] = field(default_factory=list)
    brought: set[Endpoint] = field(default_factory=set)  # ledgers and wallets that this run has brought up to date
    looks: Looks | None = None  # what an account's ledgers are asked for once more, when that is known
    resets: dict[str, Problem] = field(
        default_factory=dict
    )  # why nothing more of the trading of a market may be stored

    def note(self, sentence: str) -> None:
        """Have a person told something that is no failure, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)
