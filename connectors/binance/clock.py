"""A clock that does not leap."""

import time

_WALL_MINUS_STEADY_S = time.time() - time.monotonic()


def steady_clock() -> float:
    """Seconds since 1970 by the wall clock at start, and evenly from there on.

    A wall clock that is set forward under a running program would make open candles look closed.
    """
    return time.monotonic() + _WALL_MINUS_STEADY_S
