"""Candles: windows, pull, coverage and gaps, commits."""
