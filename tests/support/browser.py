"""A page in headless Chromium, spoken to over its debugging socket."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium")
START_S, SHOWN_S = 60, 60  # on a machine that has other work


class Page:
    """One page of the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = count(1)

    async def open(self, url: str) -> None:
        """Go to an address."""
        await self._call("Page.navigate", url=url)

    async def evaluate(self, script: str) -> Any:
        """The value of an expression in the page."""
        return (await self._call("Runtime.evaluate", expression=script))["result"].get("value")

    async def shows(self, *texts: str) -> str:
        """The text of the page as soon as all of these are in it."""
        text = ""
        try:
            async with asyncio.timeout(SHOWN_S):
                while not all(each in text for each in texts):
                    await asyncio.sleep(0.2)
                    text = await self.evaluate("document.body ? document.body.innerText : ''") or ""
        except TimeoutError:
            raise AssertionError(f"{texts} are not all in: {text}") from None
        return text

    async def _call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        while True:  # events come in between
            said: dict[str, Any] = await self._socket.receive_json()
            if said.get("id") == number:
                result: dict[str, Any] = said["result"]
                return result


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Page]:
    """A page of a browser that keeps everything in the folder and ends with this block."""
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server",
        "--remote-debugging-port=0", f"--user-data-dir={folder / 'profile'}", "about:blank",
        stdout=DEVNULL, stderr=DEVNULL, env={**os.environ, "HOME": str(folder)},
    )  # fmt: skip
    try:
        port = await _port(folder / "profile" / "DevToolsActivePort")
        async with aiohttp.ClientSession() as http:
            async with http.get(f"http://127.0.0.1:{port}/json/list") as answer:
                pages = json.loads(await answer.text())
            address = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
            async with http.ws_connect(address, max_msg_size=0) as socket:
                yield Page(socket)
    finally:
        process.terminate()
        await process.wait()


async def _port(file: Path) -> int:
    """The port that the browser chose, once it has written it."""
    async with asyncio.timeout(START_S):
        while not file.exists() or not file.read_text():  # noqa: ASYNC110, ASYNC240 - the browser tells nobody
            await asyncio.sleep(0.1)
    return int(file.read_text().splitlines()[0])  # noqa: ASYNC240 - a few bytes
