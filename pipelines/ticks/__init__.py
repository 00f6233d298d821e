"""Trades of a market: walked along their ids, loaded from the archive in bulk."""
