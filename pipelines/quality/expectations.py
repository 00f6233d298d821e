"""What a file promises of the keys of its accounts: how old each may grow."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.quality.checks import KeyTerms
from schemas.config.flows import FlowsFile


def key_terms(config: FlowsFile) -> Iterator[KeyTerms]:
    """How old the key of each account may grow."""
    for name, account in config.accounts.items():
        yield KeyTerms(
            account=name,
            max_age_s=int(account.rotate_every.total_seconds()),
            notice_s=int(account.expiry_notice.total_seconds()),
        )
