"""The market: candles and prices as a pure function of seed, symbol and time."""
