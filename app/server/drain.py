"""The server of one process, and how it stops without losing a request."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

import uvicorn

from app.server.protocol import Protocol
from app.server.sockets import announce, let_nobody_in
from app.settings import Settings

LAST_HANDSHAKE_SECONDS = 0.2
"""How long a connection whose first packet was answered may take to be made: a round trip."""

LISTENERS = 16
"""uvloop lets one client in for each of them in a turn of the loop: with a single one, a newcomer to a crowd of 400
waits for seconds."""

LAST_CALL_SECONDS = 1.0
"""How long a connection that was opened in the last moment may take to bring its request."""

WORKER_START_SECONDS = 60
"""A worker cannot say that it lives while it imports, which takes long where many start on few cores."""


class Config(uvicorn.Config):
    """uvicorn's settings, and ours for its end."""

    def __init__(self, settings: Settings, **options: Any) -> None:
        self.drain_seconds = settings.drain_seconds
        super().__init__(
            host=settings.host,
            port=settings.port,
            log_level=settings.log_level,
            access_log=False,  # `app.middleware.observability` writes one
            timeout_graceful_shutdown=settings.graceful_shutdown_seconds,
            timeout_worker_healthcheck=WORKER_START_SECONDS,
            server_header=False,
            lifespan="off",
            http=Protocol,
            ws="none",
            **options,
        )


class Server(uvicorn.Server):
    """Drains before it stops.

    uvicorn alone closes connections that look idle although their next request is on its way. Here, after SIGTERM,
    every answer first says `Connection: close` and `/readyz` 503, so that clients and balancers go elsewhere; then
    those that wait in the socket's queue are let in, the socket is closed, and they are answered too.
    """

    config: Config

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig == signal.SIGINT:  # somebody waits at the keyboard
            self.config.drain_seconds = 0
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        count = 1 if sys.platform == "win32" else LISTENERS  # asyncio's loop there takes a socket once
        await super().startup([sock.dup() for sock in sockets or [] for _ in range(count)])
        if self.config.workers == 1:
            announce(sockets or [])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.lifespan.state["draining"] = True
        self.server_state.default_headers.append((b"connection", b"close"))
        await self._sleep(self.config.drain_seconds)
        await self._stop_listening(sockets or [])
        if self.config.drain_seconds:
            await self._sleep(LAST_CALL_SECONDS, while_connected=True)
        await super().shutdown(sockets)

    async def _sleep(self, seconds: float, while_connected: bool = False) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while loop.time() < until and not self.force_exit and (self.server_state.connections or not while_connected):
            await asyncio.sleep(min(0.05, seconds))

    async def _stop_listening(self, sockets: Sequence[socket.socket]) -> None:
        if self.config.workers == 1 and self.config.drain_seconds:  # others share the socket
            for sock in sockets:
                let_nobody_in(sock)
            await self._sleep(LAST_HANDSHAKE_SECONDS)
        for server in self.servers:
            server.close()
        await asyncio.sleep(0)  # until those who were let in last are known as connections
        waiting: list[socket.socket] = []
        for sock in sockets:
            sock.setblocking(False)
            with contextlib.suppress(OSError):  # none waits
                while True:
                    waiting.append(sock.accept()[0])
            sock.close()
        for connection in waiting:
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)

    def _protocol(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
