"""How rows land in the lake: append, versions, and where a series stands."""
