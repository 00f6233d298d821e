"""What a declaration is made of: column types, datasets, the grid of candles, series, problems."""
