"""What `binlake up` says of runs while the Prefect server is too busy to answer."""

import asyncio
from datetime import UTC, datetime

from aiohttp import web
from aiohttp.test_utils import TestServer

from pipelines.service.run_watch import watched

DUE = "2026-11-02T12:00:00+00:00"
OVERLAPPING = {
    "id": "one",
    "name": "odd-name",
    "parameters": {"flow": "prices"},
    "run_count": 0,
    "total_run_time": 0.0,
    "end_time": DUE,
    "expected_start_time": DUE,
    "state": {"name": "Cancelled", "message": "Deployment concurrency limit reached."},
}


async def test_a_busy_server_is_asked_again():
    """A connection that breaks while a run is renamed costs neither its line nor those that follow."""
    broken = []

    async def filtered(_: web.Request) -> web.Response:
        return web.json_response([OVERLAPPING])

    async def renamed(request: web.Request) -> web.Response:
        if not broken:
            broken.append(request.path)
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=204)

    async def stated(_: web.Request) -> web.Response:
        return web.json_response({})

    app = web.Application()
    app.router.add_post("/flow_runs/filter", filtered)
    app.router.add_patch("/flow_runs/one", renamed)
    app.router.add_post("/flow_runs/one/set_state", stated)
    since = datetime(2026, 11, 2, tzinfo=UTC)
    async with TestServer(app) as server, asyncio.timeout(60):
        url = str(server.make_url("/"))
        saying = watched(url, "binlake:x", since)
        said = await anext(saying)
        await saying.aclose()
    assert broken == ["/flow_runs/one"]
    assert said.startswith("2026-11-02 12:00:00 prices: skipped")
