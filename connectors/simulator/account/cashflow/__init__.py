"""Years of an account's money beside trading: what comes in, goes out and moves between its wallets."""
