"""Runs the service with uvicorn, in one process or in several."""

import os
import signal
import socket
import sys
import tempfile
from functools import partial
from logging import getLogger
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from app.classifier.weights import WeightsError
from app.main import create_app
from app.metrics import SHARED_FOLDER
from app.self_test import load_tested
from app.server.drain import Drain
from app.server.protocol import Protocol
from app.server.supervisor import Supervisor
from app.settings import Settings

WORKER_START_SECONDS = 60
"""Maximum time that a worker takes to import and start, where many start on few cores."""


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises WeightsError; exits if it cannot listen on host and port."""
    if settings.workers > 1:
        return _run_workers(settings)
    app = build(settings)
    _check_address(settings)
    if hasattr(signal, "SIGHUP"):
        warning = "SIGHUP replaces workers, and there is one process only; see --workers."
        signal.signal(signal.SIGHUP, lambda *_: getLogger("uvicorn.error").warning(warning))
    uvicorn.Server(_config(settings, app=app)).run()


def _run_workers(settings: Settings) -> None:
    check = partial(load_tested, settings.weights)
    check()
    _check_address(settings)
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  # the disk may be read-only
    with tempfile.TemporaryDirectory(prefix="three-or-seven-", dir=memory, ignore_cleanup_errors=True) as folder:
        os.environ[SHARED_FOLDER] = folder
        config = _config(settings, app=partial(build_worker, settings), factory=True, workers=settings.workers)
        sock = config.bind_socket()
        sock.listen(config.backlog)  # connections wait until the first worker is ready
        Supervisor(config, [sock], check).run()


def build(settings: Settings) -> ASGIApp:
    """Build the application as it is served: with a drain before it stops. Raises WeightsError."""
    return Drain(create_app(settings), settings.drain_seconds)


def build_worker(settings: Settings) -> ASGIApp:
    """Build the application in a worker, which bad weights end with one sentence."""
    try:
        return build(settings)
    except WeightsError as error:
        sys.exit(str(error))


def _config(settings: Settings, **options: Any) -> uvicorn.Config:
    protocol: Any = partial(Protocol, settings.header_timeout_seconds)  # uvicorn calls it to make a protocol
    return uvicorn.Config(
        host=settings.host,
        port=settings.port,
        http=protocol if settings.http == "h11" else settings.http,
        ws="none",
        lifespan="on",
        log_level=settings.log_level,
        access_log=False,  # `app.middleware.access_log` writes one
        server_header=False,
        timeout_graceful_shutdown=settings.graceful_shutdown_seconds,
        timeout_worker_healthcheck=WORKER_START_SECONDS,
        **options,
    )


def _check_address(settings: Settings) -> None:
    """Exit with one sentence if host and port cannot be listened on, where uvicorn would log an exception."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        sys.exit(
            f"Cannot listen on {settings.host}, port {settings.port}: {reason}. Choose others with --host and --port."
        )
