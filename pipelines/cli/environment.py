"""What is set before anything else is imported: file modes, no core dumps, and an engine that keeps to itself."""

from __future__ import annotations

import os
import resource
from collections.abc import MutableMapping
from pathlib import Path

from pipelines.service.proxies import without_loopback

# Prefect reads these when it is imported. A person's own setting stands.
_PREFECT = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",  # a temporary server takes ten seconds and runs no schedules
    "PREFECT_LOGGING_LEVEL": "INFO",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # the record has it, and the person is told by us
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "connectors,pipelines",
}


def prepare(environment: MutableMapping[str, str] = os.environ) -> None:
    """Files are the user's alone, memory is never dumped, and Prefect has a home of its own and tells nobody."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core holds the keys; processes that are started inherit it
    environment.update(without_loopback(environment))
    for name, value in _PREFECT.items():
        environment.setdefault(name, value)
    # Its database migrates one way, so a home shared with another version of Prefect fails one of the two.
    environment.setdefault("PREFECT_HOME", str(state_folder(environment) / "prefect"))


def state_folder(environment: MutableMapping[str, str] = os.environ) -> Path:
    """Where programs keep what outlives a run and is no one's document."""
    base = environment.get("XDG_STATE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "state") / "binlake"
