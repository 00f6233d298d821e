"""The exchange behind a socket on this machine's loopback, with the ways a connection can fail."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.utils import formatdate
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web

from connectors.simulator import control, gateway
from connectors.simulator.exchange import Exchange
from connectors.simulator.protocol.messages import Answer, Asked
from schemas.model.errors import UsageProblem

HOST = "127.0.0.1"
_PATIENCE_S = 0.1  # for answers under way when the server stops
_NO_LINGER = struct.pack("ii", 1, 0)  # closing sends a reset instead of what is still buffered


@asynccontextmanager
async def serve(exchange: Exchange, port: int = 0) -> AsyncIterator[str]:
    """Serve the exchange in this event loop; gives the address, with a free port when none is named."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if not _is_from_here(request.headers):
            return web.Response(status=403, text="The simulator answers programs on this machine, and no web pages.\n")
        if request.path.startswith(control.PREFIX):
            return await control.handle(exchange, request)
        return await _deliver(
            request, gateway.answer(exchange, _asked(request)), formatdate(exchange.now_us / 1e6, usegmt=True)
        )

    runner = web.ServerRunner(web.Server(handle, access_log=None), shutdown_timeout=_PATIENCE_S)
    await runner.setup()
    try:
        await _listen(runner, port)
        exchange.address = f"{HOST}:{runner.addresses[0][1]}"
        yield f"http://{exchange.address}"
    finally:
        await runner.cleanup()


async def _listen(runner: web.ServerRunner, port: int) -> None:
    try:
        await web.TCPSite(runner, HOST, port).start()
    except OSError as error:
        raise UsageProblem(
            f"Port {port} of {HOST} cannot be used: {os.strerror(error.errno or 0)}.",
            "Name another with --port; 0 takes a free one.",
        ) from None


def _is_from_here(headers: Mapping[str, str]) -> bool:
    """Whether a request comes from a program on this machine: a web page sends an Origin, or a host name of its own."""
    host = urlsplit(f"//{headers.get('Host', '')}").hostname or ""
    return "Origin" not in headers and (host == "localhost" or _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _asked(request: web.BaseRequest) -> Asked:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Asked(request.method, request.raw_path, headers, request.remote or HOST)


async def _deliver(request: web.BaseRequest, answer: Answer, date: str) -> web.StreamResponse:
    if answer.delay_s:
        await asyncio.sleep(answer.delay_s)
    headers = {"Content-Type": answer.content_type, "Date": date, **answer.headers}
    if answer.sent is None:
        return web.Response(status=answer.status, body=answer.body, headers=headers)
    return await _broken(request, answer, headers)


async def _broken(request: web.BaseRequest, answer: Answer, headers: dict[str, str]) -> web.StreamResponse:
    """Send what is to be sent of the answer, then break the connection."""
    response = web.StreamResponse(status=answer.status, headers={**headers, "Content-Length": str(len(answer.body))})
    if answer.sent is not None and answer.sent >= 0:
        await response.prepare(request)
        await response.write(answer.body[: answer.sent])
    if (transport := request.transport) is not None:
        if answer.reset:
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        transport.close()
    return response
