"""Counts in words."""


def counted(number: int, thing: str) -> str:
    """So many things, in words that agree with their number."""
    ending = "es" if thing.endswith("s") else "s"
    return f"{number:,} {thing}{'' if number == 1 else ending}"
