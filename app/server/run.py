"""Runs the service, in one process or in several."""

import os
import signal
import sys
import tempfile
from functools import partial
from logging import getLogger

from starlette.types import ASGIApp
from threadpoolctl import threadpool_limits
from uvicorn.supervisors import multiprocess

from app.classifier.weights import WeightsError
from app.main import create_app
from app.metrics import SHARED_FOLDER
from app.server.drain import Config, Server
from app.server.sockets import announce, listen
from app.server.workers import Supervisor, Worker
from app.settings import Settings

logger = getLogger("uvicorn.error")


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
