"""Which keys are used, and which are refused."""

import asyncio
import json
from contextlib import asynccontextmanager
from email.utils import formatdate

import pytest
from aiohttp import web
from support.binance_world import API_KEY, START_S, UID

from connectors.binance.client import Client
from connectors.binance.endpoints.spot import ACCOUNT, TIME
from connectors.binance.endpoints.wallet import API_RESTRICTIONS
from connectors.binance.errors import Denied, NoSuchCall, Unreadable
from connectors.binance.key_guard import check_key
from connectors.binance.sites import Site
from schemas.model.errors import AccessRefused

MOVES = ["enableWithdrawals", "enableInternalTransfer", "permitsUniversalTransfer"]
OLD_TRADES = ["enableSpotAndMarginTrading", "enableMargin", "enableFutures", "enableVanillaOptions"]
NEW_TRADES = ["enablePortfolioMarginTrading", "enableFixApiTrade"]
READS = {
    "ipRestrict": True,
    "createTime": 1698645219000,
    "enableReading": True,
    **dict.fromkeys(MOVES + OLD_TRADES, False),
}
NOT_FALSE = [True, "true", "false", 1, 0, None, [], {"enabled": False}]
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
        return web.json_response(body, status=code, headers={"Date": formatdate(START_S, usegmt=True)})

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


@pytest.mark.parametrize("value", NOT_FALSE, ids=str)
@pytest.mark.parametrize("right", MOVES)
async def test_a_key_that_may_move_money_is_always_refused(world, keys, right, value):
    """Only a literal `false` means that a key cannot send money away, and no setting overrides anything else."""
    for allow in (NOTHING, TRADE, {right}):
        with pytest.raises(AccessRefused, match="never used"):
            await checked(world, keys, READS | {right: value}, allow)


@pytest.mark.parametrize("right", MOVES)
async def test_silence_about_moving_money_is_no_permission(world, keys, right):
    """An answer that does not say whether the key may withdraw or transfer is refused."""
    silent = {name: value for name, value in READS.items() if name != right}
    for allow in (NOTHING, TRADE, {right}):
        with pytest.raises(AccessRefused, match="does not say whether this key may"):
            await checked(world, keys, silent, allow)


@pytest.mark.parametrize("value", NOT_FALSE, ids=str)
@pytest.mark.parametrize("right", OLD_TRADES + NEW_TRADES)
async def test_a_key_that_trades_is_used_only_when_allowed(world, keys, right, value):
    """Whatever is not `false` may trade, until the owner allows all trading or this permission by name."""
    printed = READS | {right: value}
    for allow in (NOTHING, {"enableTimeTravel"}):
        with pytest.raises(AccessRefused, match=r"allow: \[trade\]"):
            await checked(world, keys, printed, allow)
    for allow in (TRADE, {right}):
        assert right in (await checked(world, keys, printed, allow)).permissions


@pytest.mark.parametrize("right", OLD_TRADES)
async def test_silence_about_trading_needs_the_owners_word(world, keys, right):
    """A key of which the exchange does not say whether it trades is used only when trading is allowed."""
    silent = {name: value for name, value in READS.items() if name != right}
    with pytest.raises(AccessRefused, match="does not say whether this key may"):
        await checked(world, keys, silent)
    assert (await checked(world, keys, silent, TRADE)).permissions == {"enableReading"}


async def test_young_permissions_may_be_absent(world, keys):
    """An exchange that does not print portfolio margin and FIX yet is not refused for it."""
    assert READS.keys().isdisjoint(NEW_TRADES)
    assert (await checked(world, keys, READS)).uid == UID


async def test_the_documented_sample_is_refused(world, keys, recorded):
    """The documentation's own key may trade with portfolio margin."""
    path = recorded / "endpoint-samples" / "JKorf-Binance.Net" / "Spot" / "Account" / "GetAPIKeyPermissions.txt"
    printed = json.loads(path.read_text().split("\n", 3)[3])
    with pytest.raises(AccessRefused, match="portfolio margin"):
        await checked(world, keys, printed)
    facts = await checked(world, keys, printed, TRADE)
    assert facts.permissions == {"enableReading", "enablePortfolioMarginTrading"}


@pytest.mark.parametrize("value", [False, "true", 1, None])
async def test_a_key_that_may_not_read_is_refused(world, keys, value):
    """Better told now than by an empty lake: only a literal `true` means that a key may read."""
    with pytest.raises(AccessRefused, match="may not read"):
        await checked(world, keys, READS | {"enableReading": value})


@pytest.mark.parametrize("value", NOT_FALSE, ids=str)
@pytest.mark.parametrize(
    "name", ["enableTimeTravel", "permitsGifts", "EnableWithdrawals", "canWithdraw", "isWithdrawable", "tradeAllowed"]
)
async def test_an_unknown_permission_is_refused(world, keys, name, value):
    """A permission the exchange invents later counts as granted unless it is `false`; the owner may allow it by name."""
    printed = READS | {name: value}
    for allow in (NOTHING, TRADE):
        with pytest.raises(AccessRefused, match=f"unknown to binlake: {name}.*name them: `allow: \\[{name}\\]`"):
            await checked(world, keys, printed, allow)
    facts = await checked(world, keys, printed, {name})
    assert facts.warnings == (f"flows.yaml allows permissions of the key that are unknown to binlake: {name}.",)


@pytest.mark.parametrize("value", [True, 1, 2, "true", "YES", "all", None, ["WITHDRAW"], {"withdraw": True}], ids=str)
async def test_an_unknown_field_that_is_not_false_is_refused(world, keys, value):
    """A right need not be called one: whatever is not plainly `false` is taken for a permission."""
    with pytest.raises(AccessRefused, match=r"unknown to binlake: timeTravel.*name them: `allow: \[timeTravel\]`"):
        await checked(world, keys, READS | {"timeTravel": value})
    with pytest.raises(AccessRefused, match=r"unknown to binlake: scopes.*A newer binlake may know them"):
        await checked(world, keys, READS | {"scopes": value})


async def test_an_unknown_field_that_describes_the_key_is_no_permission(world, keys):
    """Instants and what is plainly `false` grant nothing."""
    harmless = {
        "timeTravel": False,
        "tradingAuthorityExpirationTime": 1698645219000,
        "lastUsed": 1698645219000,
    }
    assert (await checked(world, keys, READS | harmless)).warnings == ()


async def test_an_endless_list_of_permissions_is_told_in_short(world, keys):
    """However much the exchange invents, the sentence stays short."""
    with pytest.raises(AccessRefused, match="and 95 more") as problem:
        await checked(world, keys, READS | {f"enable{'x' * 1000}{n:03}": True for n in range(100)})
    assert len(str(problem.value)) < 1500


@pytest.mark.parametrize("families", [("spot",), ("spot", "wallet")])
async def test_testnet_does_not_tell_and_is_allowed(world, keys, families):
    """Testnet money is play money: a missing answer there is noted, once."""
    facts = await checked(world, keys, {"code": 0, "msg": ""}, status=404, site=families)
    assert (facts.uid, facts.permissions) == (UID, frozenset())
    assert "not checked" in facts.warnings[0]


async def test_elsewhere_a_missing_answer_is_a_refusal(world, keys):
    """An exchange that is not testnet and hides what a key may do is not trusted with it."""
    with pytest.raises(NoSuchCall):
        await checked(world, keys, {"code": 0, "msg": ""}, status=404)


async def test_a_refused_key_is_told(world, keys):
    """The exchange's own refusal comes through in words."""
    with pytest.raises(Denied, match="IP list"):
        await checked(world, keys, {"code": -2015, "msg": "Invalid API-key, IP, or permissions"}, status=401)


async def test_words_that_are_no_permissions_are_unreadable(world, keys):
    """A list in place of the permissions is told as such."""
    with pytest.raises(Unreadable):
        await checked(world, keys, [1, 2])


async def test_a_key_is_looked_at_again_after_an_hour(world, keys):
    """A key that gains the right to withdraw is used for an hour at most; from then on nothing is signed with it."""
    async with world.client(keys) as client:
        await check_key(client, NOTHING)
        client.watch_key(lambda: check_key(client, NOTHING))
        world.exchange.change_key(API_KEY, permissions={"enableReading", "enableWithdrawals"})
        world.clock.advance(3599)
        await client.body(ACCOUNT)
        world.clock.advance(1)
        for _ in range(2):
            with pytest.raises(AccessRefused, match="may withdraw"):
                await client.body(ACCOUNT)
        assert [each.path for each in world.asked].count(ACCOUNT.path) == 2
        world.exchange.change_key(API_KEY, permissions={"enableReading"})
        await client.body(ACCOUNT)


async def test_many_calls_wait_for_one_look(world, keys):
    """When the hour is over, calls that are made at once have the key looked at once."""
    async with world.client(keys) as client:
        client.watch_key(lambda: check_key(client, NOTHING))
        world.clock.advance(3600)
        await asyncio.gather(*(client.body(ACCOUNT) for _ in range(5)))
        assert [each.path for each in world.asked].count(API_RESTRICTIONS.path) == 1
        assert [each.path for each in world.asked].count(ACCOUNT.path) == 1 + 5
