"""Which exchange is meant."""

import pytest

from connectors.binance.sites import FAMILIES, resolve, way_out
from schemas.model.errors import UsageProblem


@pytest.mark.parametrize("name", ["live", "testnet", "simulator"])
def test_a_name_is_its_own_environment(name):
    """The three names of flows.yaml mean themselves."""
    assert resolve(name).environment == name


@pytest.mark.parametrize(
    ("exchange", "environment"),
    [
        ({"spot": "https://api3.binance.com"}, "live"),
        ({"spot": "https://api-gcp.binance.com/"}, "live"),
        ({"spot": "https://data-api.binance.vision", "archive": "https://data.binance.vision"}, "live"),
        ({"spot": "https://api1.testnet.binance.vision"}, "testnet"),
        ({"spot": "https://testnet.binance.vision", "usdm": "https://demo-fapi.binance.com"}, "testnet"),
        ({"spot": "http://127.0.0.1:9999", "wallet": "http://127.0.0.1:1"}, "simulator"),
        ({"spot": "http://localhost:80"}, "simulator"),
        ({"spot": "http://[::1]:8390"}, "simulator"),
        ({"spot": "https://api.binance.com.evil.example"}, "custom"),
        ({"spot": "https://exchange.example", "name": "mine"}, "custom:mine"),
        ({"spot": "https://API.BINANCE.COM", "name": "mine"}, "live"),
        ({"spot": "https://api.binance.com.", "name": "mine"}, "live"),
        ({"spot": "https://api.binance.com.:443/", "name": "mine"}, "live"),
        ({"spot": "https://testnet.binance.vision.", "name": "mine"}, "testnet"),
        ({"spot": "http://localhost.:80", "name": "mine"}, "simulator"),
    ],
)
def test_the_environment_comes_from_the_host(exchange, environment):
    """A lake is bound to what the host is, not to what somebody calls it; the port does not count."""
    assert resolve(exchange).environment == environment


@pytest.mark.parametrize("url", ["https://api.binance.com.", "https://API.Binance.com./", "https://api.binance.com/"])
def test_one_host_is_spelled_one_way(url):
    """A final dot, capitals and a final slash are no other host, neither for the environment nor on the wire."""
    assert resolve({"spot": url}).url("spot") == "https://api.binance.com"


def test_wallet_calls_live_on_the_spot_host():
    """Who gives only the spot address can still check a key, except on testnet, which has no wallet calls."""
    assert resolve({"spot": "http://127.0.0.1:5/"}).url("wallet") == "http://127.0.0.1:5"
    with pytest.raises(UsageProblem, match="no address for wallet"):
        resolve({"spot": "https://testnet.binance.vision"}).url("wallet")


def test_the_simulator_serves_every_family():
    """One simulator stands in for all hosts."""
    assert {resolve("simulator").url(family) for family in FAMILIES} == {"http://127.0.0.1:8390"}


@pytest.mark.parametrize(
    "exchange",
    [
        "livee",
        {},
        {"name": "nothing else"},
        {"spott": "https://api.binance.com"},
        {"spot": "http://api.binance.com"},
        {"spot": "http://192.168.0.5:8390"},
        {"spot": "ftp://127.0.0.1"},
        {"spot": "api.binance.com"},
        {"spot": "https://user:pass@api.binance.com"},
        {"spot": "https://api.binance.com?x=1"},
        {"spot": "https://api.binance.com:notaport"},
        {"spot": "https://[::1"},
        {"spot": "https://api\u3002binance\u3002com"},
        {"spot": "https://\uff41pi.binance.com"},
        {"spot": "https://api.binance%2ecom"},
        {"spot": "https://api.binance.com.."},
        {"spot": "https://.binance.com"},
        {"spot": "https://exch\u00e4nge.example"},
        {"spot": "https://api.binance.com", "usdm": "https://demo-fapi.binance.com"},
    ],
)
def test_a_wrong_exchange_is_refused(exchange):
    """Unknown names, plain http beyond this machine, secrets in URLs and mixed environments are usage problems."""
    with pytest.raises(UsageProblem):
        resolve(exchange)


def test_who_finds_nobody_is_told_what_to_do():
    """On this machine the simulator may not be running; elsewhere the network is to blame."""
    assert "`binlake simulator`" in way_out("127.0.0.1")
    assert way_out("api.binance.com") == way_out(None) == "Check the network."
