"""Orders and fills: their pulls, reconciliation, retention, and the search for traded symbols."""
