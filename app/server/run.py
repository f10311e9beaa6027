"""Running the service with uvicorn, in one or several processes."""

import os
import socket
import tempfile
from functools import partial
from logging import getLogger
from math import ceil
from typing import Any

import uvicorn
from prometheus_client.multiprocess import mark_process_dead
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from app.classifier.weights import WeightsError
from app.main import create_app
from app.metrics import SHARED_FOLDER
from app.self_test import load_tested
from app.server.drain import Drain
from app.server.protocol import Protocol
from app.settings import Settings


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises WeightsError if the weights cannot be used."""
    load_tested(settings.weights)  # before any worker starts, which would end at once and be started again
    h11: Any = partial(Protocol, settings.header_timeout_seconds)  # uvicorn calls this for each connection
    config = uvicorn.Config(
        partial(build, settings),
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http=h11 if settings.http == "h11" else settings.http,
        ws="none",
        log_level=settings.log_level,
        access_log=False,  # see `app.middleware.access_log`
        server_header=False,
        timeout_keep_alive=ceil(settings.header_timeout_seconds),
        timeout_graceful_shutdown=settings.graceful_shutdown_seconds,
        timeout_worker_healthcheck=30,  # seconds; many workers start slowly; a crash during a check is noticed after it
    )
    if settings.workers == 1:
        return uvicorn.Server(config).run()
    with tempfile.TemporaryDirectory(prefix="three-or-seven-", ignore_cleanup_errors=True) as folder:
        os.environ[SHARED_FOLDER] = folder
        Supervisor(config, config.bind_socket(), settings).run()


def build(settings: Settings) -> ASGIApp:
    """Build the application with a drain. Raises WeightsError."""
    return Drain(create_app(settings), settings.drain_seconds)


class Supervisor(Multiprocess):
    """uvicorn's supervisor of the workers. It also tests new weights and removes the gauges of workers that ended."""

    def __init__(self, config: uvicorn.Config, sock: socket.socket, settings: Settings) -> None:
        super().__init__(config, [sock])
        self._settings, self._pids = settings, set[int | None]()

    def handle_hup(self) -> None:
        try:
            load_tested(self._settings.weights)
            super().handle_hup()  # replaces the workers one by one
        except WeightsError as error:
            getLogger("uvicorn.error").error("%s The workers continue with the earlier weights.", error)

    def keep_subprocess_alive(self) -> None:
        super().keep_subprocess_alive()
        pids = {process.pid for process in self.processes}
        for pid in self._pids - pids:
            mark_process_dead(pid)  # type: ignore[no-untyped-call]
        self._pids = pids

    def terminate_all(self) -> None:
        self.sockets[0].close()  # otherwise new connections would wait in its accept queue until this process ends
        super().terminate_all()
