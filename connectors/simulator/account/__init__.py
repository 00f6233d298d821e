"""The accounts: balances, keys, and years of trading."""
