"""`python -m pipelines.service.prefect_server FD`: the Prefect server of `binlake up`, on an open socket."""

from __future__ import annotations

import socket
import sys

import uvicorn
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from prefect.server.api.server import create_app
from prefect.settings import get_current_settings

from pipelines.service.processes import LOOPBACK


def main(listener: int) -> None:
    """Serve until interrupted. Only who asks for this address by its number is answered."""
    settings = get_current_settings().server
    app = create_app(final=True)
    # A page of the web can let its own name mean this address, and would then count as the server's own page.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[LOOPBACK])
    level, idle_s = settings.logging_level.lower(), settings.api.keepalive_timeout
    config = uvicorn.Config(app, log_level=level, timeout_keep_alive=idle_s)
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=listener)])


if __name__ == "__main__":
    main(int(sys.argv[1]))
