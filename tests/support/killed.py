"""Processes that are killed at a call of their own: whoever watches them from outside may come too late."""

from __future__ import annotations


def killed_behind(call: str, text: str, times: int = 1) -> dict[str, str]:
    """The environment in which a process is killed behind so many calls, as Python audits them, with such an argument.

    Each data file of a commit is renamed before the entry of the log that names it is written.
    """
    return {"KILLED_BEHIND": f"{call}\n{text}\n{times}"}
