"""Several processes: how they start, stop and follow each other."""

import os
import signal
import socket
import threading
from types import FrameType

import uvicorn
from prometheus_client.multiprocess import mark_process_dead
from uvicorn.supervisors import multiprocess

from app.server.drain import Config, Server


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
                if process.pid and process.exitcode is None:
                    os.kill(process.pid, signal.SIGINT)  # which does not drain
        super().terminate_all()
