"""The keys of accounts: how they are looked at, added and replaced."""
