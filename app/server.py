"""Runs the service: one process or several, and how they stop without losing a request."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Sequence
from functools import partial
from logging import getLogger
from types import FrameType
from typing import Any

import uvicorn
from prometheus_client.multiprocess import mark_process_dead
from starlette.types import ASGIApp
from threadpoolctl import threadpool_limits
from uvicorn.supervisors import multiprocess

from app.classifier.weights import WeightsError
from app.main import create_app
from app.metrics import SHARED_FOLDER
from app.protocol import Protocol
from app.settings import Settings
from app.sockets import announce, let_nobody_in, listen

logger = getLogger("uvicorn.error")

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
            access_log=False,  # `app.observability` writes one
            timeout_graceful_shutdown=settings.graceful_shutdown_seconds,
            timeout_worker_healthcheck=WORKER_START_SECONDS,
            server_header=False,
            lifespan="off",
            http=Protocol,
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


class Worker(multiprocess.Process):
    """A process that runs our server."""

    @property
    def server(self) -> uvicorn.Server:
        if self._server is None:
            self._server = Server(self.config)
        return self._server


class Supervisor(multiprocess.Multiprocess):
    """Starts workers, replaces those that die, and on SIGHUP each in turn, when its successor is ready."""

    def __init__(self, config: Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        self._pids: set[int | None] = set()
        self.interrupted = False
        for sig in (signal.SIGTERM, signal.SIGINT):  # at once, and not after a replacement that is under way
            signal.signal(sig, self._exit)

    def _exit(self, sig: int, _: FrameType | None) -> None:
        self.interrupted = sig == signal.SIGINT
        # In a thread: an event that is set by who waits for it may be waited for, for ever.
        threading.Thread(target=self.should_exit.set).start()

    def keep_subprocess_alive(self) -> None:
        super().keep_subprocess_alive()
        present = {process.pid for process in self.processes}
        for pid in self._pids - present:
            mark_process_dead(pid)  # type: ignore[no-untyped-call]  # its gauges, not what it counted
        self._pids = present

    def terminate_all(self) -> None:
        for sock in self.sockets:
            sock.close()  # or connections would wait in a queue that nobody reads any more
        if self.interrupted:
            for process in self.processes:
                os.kill(process.pid or 0, signal.SIGINT)  # which does not drain
        super().terminate_all()


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests in hand. Raises WeightsError."""
    app = build(settings)  # with several workers, to say at once what is wrong
    if settings.workers == 1:
        config = Config(settings, app=app)
        if hasattr(signal, "SIGHUP"):
            signal.signal(
                signal.SIGHUP, lambda *_: logger.warning("SIGHUP: one process cannot be replaced; see --workers")
            )
        Server(config).run(sockets=[listen(config.host, config.port, config.backlog)])
        return
    multiprocess.Process = Worker  # type: ignore[misc]  # Multiprocess has no parameter for it
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  # the disk may be read-only
    with tempfile.TemporaryDirectory(prefix="three-or-seven-", dir=memory, ignore_cleanup_errors=True) as folder:
        os.environ[SHARED_FOLDER] = folder
        config = Config(settings, app=partial(build_worker, settings), factory=True, workers=settings.workers)
        sockets = [listen(config.host, config.port, config.backlog)]
        supervisor = Supervisor(config, sockets)
        announce(sockets)
        supervisor.run()
    if supervisor.interrupted:
        raise KeyboardInterrupt


def build(settings: Settings) -> ASGIApp:
    """The service, on one BLAS thread: the matrices are small, and other cores serve other requests."""
    threadpool_limits(1)
    return create_app(settings)


def build_worker(settings: Settings) -> ASGIApp:
    """The service in a worker; bad weights end it with one sentence."""
    try:
        return build(settings)
    except WeightsError as error:
        sys.exit(str(error))
