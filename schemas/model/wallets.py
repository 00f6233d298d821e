"""How the wallets of an account are called where a name has parts."""

ISOLATED = "isolated_margin:"
"""Before the pair of a wallet of isolated margin, such as `isolated_margin:BTCUSDT`."""
