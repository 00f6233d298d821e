"""What stays on this machine goes through no proxy."""

from __future__ import annotations

from collections.abc import Mapping

_LOOPBACK = ("127.0.0.1", "localhost")
_EVERYTHING = "*"


def without_loopback(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that keep the loopback away from a proxy, beside whatever they name already."""
    known = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    hosts = [host.strip() for host in known.split(",") if host.strip()]
    value = known if known == _EVERYTHING else ",".join([*hosts, *(each for each in _LOOPBACK if each not in hosts)])
    return {"NO_PROXY": value, "no_proxy": value}  # the one or the other counts, according to who reads
