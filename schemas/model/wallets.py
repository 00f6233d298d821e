"""How the wallets of an account are called where a name has parts."""

ISOLATED = "isolated_margin:"
"""Before the pair of a wallet of isolated margin, such as `isolated_margin:BTCUSDT`."""

WALLETS = {
    "spot": ("spot",),
    "funding": ("funding",),
    "earn": ("earn_flexible", "earn_locked"),
    "margin": ("margin", "margin_debt", f"{ISOLATED}*", "isolated_margin_debt:*"),
    "usdm": ("usdm",),
    "coinm": ("coinm",),
}
"""The words of flows.yaml, and the wallets that each means; `*` stands for any pair."""

TRADING = {"spot": ("spot",), "margin": ("margin", "isolated_margin"), "usdm": ("usdm",), "coinm": ("coinm",)}
"""Of those words, the markets whose orders and fills are meant."""

FUTURES = ("usdm", "coinm")
"""Of those words, the ones whose wallets are of futures."""
