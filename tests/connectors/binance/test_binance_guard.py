"""Which keys are used, and which are refused."""

import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from binance_world import START_S, UID

from connectors.binance.client import Client
from connectors.binance.endpoints import ACCOUNT, API_RESTRICTIONS, TIME
from connectors.binance.errors import Denied, Rejected, Unreadable
from connectors.binance.guard import check_key
from connectors.binance.sites import Site
from schemas.errors import AccessRefused

READS = {"ipRestrict": True, "createTime": 1698645219000, "enableReading": True, "enableWithdrawals": False}
NOTHING = frozenset()
TRADE = frozenset({"trade"})


@asynccontextmanager
async def exchange_that_says(restrictions, status=200):
    """A server with an account, and these words about its key."""
    answers = {
        TIME.path: ({"serverTime": int(START_S * 1000)}, 200),
        ACCOUNT.path: ({"uid": UID, "balances": []}, 200),
        API_RESTRICTIONS.path: (restrictions, status),
    }

    async def handle(request: web.Request) -> web.Response:
        body, code = answers[request.path]
        return web.json_response(body, status=code)

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def checked(world, keys, restrictions, allow=NOTHING, status=200, site=None):
    async with exchange_that_says(restrictions, status) as world.url:
        if site is None:
            async with world.client(keys) as client:
                return await check_key(client, allow)
        urls = dict.fromkeys(site, world.url)
        async with Client(Site("testnet", urls), world.budget, keys, None, world.clock, world.sleep) as client:
            return await check_key(client, allow)


async def test_a_key_that_only_reads_is_used(world, keys):
    """Reading, restricted to an address: nothing to say."""
    facts = await checked(world, keys, READS)
    assert (facts.uid, facts.permissions, facts.warnings) == (UID, {"enableReading"}, ())


async def test_the_simulated_exchange_passes(world, keys):
    """A reading key of the simulator is used, with a word about its missing address restriction."""
    async with world.client(keys) as client:
        facts = await check_key(client, NOTHING)
    assert facts.uid == UID
    assert "any address" in " ".join(facts.warnings)


@pytest.mark.parametrize("allow", [NOTHING, TRADE])
@pytest.mark.parametrize("right", ["enableWithdrawals", "enableInternalTransfer", "permitsUniversalTransfer"])
async def test_a_key_that_moves_money_is_always_refused(world, keys, right, allow):
    """No setting makes binlake use a key that could send money away."""
    with pytest.raises(AccessRefused, match="never used"):
        await checked(world, keys, READS | {right: True}, allow)


@pytest.mark.parametrize(
    "right",
    [
        "enableSpotAndMarginTrading",
        "enableMargin",
        "enableFutures",
        "enableVanillaOptions",
        "enablePortfolioMarginTrading",
        "enableFixApiTrade",
    ],
)
async def test_a_key_that_trades_is_used_only_when_allowed(world, keys, right):
    """`allow: [trade]` is the owner's word that the key may trade."""
    with pytest.raises(AccessRefused, match=r"allow: \[trade\]"):
        await checked(world, keys, READS | {right: True})
    assert right in (await checked(world, keys, READS | {right: True}, TRADE)).permissions


async def test_the_documented_sample_is_refused(world, keys, recorded):
    """The documentation's own key may trade with portfolio margin."""
    path = recorded / "endpoint-samples" / "JKorf-Binance.Net" / "Spot" / "Account" / "GetAPIKeyPermissions.txt"
    printed = json.loads(path.read_text().split("\n", 3)[3])
    with pytest.raises(AccessRefused, match="portfolio margin"):
        await checked(world, keys, printed)
    facts = await checked(world, keys, printed, TRADE)
    assert facts.permissions == {"enableReading", "enablePortfolioMarginTrading"}


async def test_a_key_that_may_not_read_is_refused(world, keys):
    """Better told now than by an empty lake."""
    with pytest.raises(AccessRefused, match="may not read"):
        await checked(world, keys, READS | {"enableReading": False})


async def test_silence_about_withdrawals_is_no_permission(world, keys):
    """An answer that does not say whether the key may withdraw does not pass."""
    with pytest.raises(AccessRefused, match="does not say"):
        await checked(world, keys, {"enableReading": True})


async def test_an_unknown_permission_is_told(world, keys):
    """A right the exchange invents later is named to the owner."""
    facts = await checked(world, keys, READS | {"enableTimeTravel": True})
    assert facts.warnings == ("The key has permissions unknown here: enableTimeTravel.",)


@pytest.mark.parametrize("families", [("spot",), ("spot", "wallet")])
async def test_testnet_does_not_tell_and_is_allowed(world, keys, families):
    """Testnet money is play money: a missing answer there is noted, once."""
    facts = await checked(world, keys, {"code": 0, "msg": ""}, status=404, site=families)
    assert (facts.uid, facts.permissions) == (UID, frozenset())
    assert "not checked" in facts.warnings[0]


async def test_elsewhere_a_missing_answer_is_a_refusal(world, keys):
    """An exchange that is not testnet and hides what a key may do is not trusted with it."""
    with pytest.raises(Rejected):
        await checked(world, keys, {"code": 0, "msg": ""}, status=404)


async def test_a_refused_key_is_told(world, keys):
    """The exchange's own refusal comes through in words."""
    with pytest.raises(Denied, match="IP list"):
        await checked(world, keys, {"code": -2015, "msg": "Invalid API-key, IP, or permissions"}, status=401)


async def test_words_that_are_no_permissions_are_unreadable(world, keys):
    """A list in place of the permissions is told as such."""
    with pytest.raises(Unreadable):
        await checked(world, keys, [1, 2])
