"""Several worker processes: uvicorn's supervisor, with three additions."""

import socket
from collections.abc import Callable
from logging import getLogger

import uvicorn
from prometheus_client.multiprocess import mark_process_dead
from uvicorn.supervisors import Multiprocess

from app.classifier.weights import WeightsError

logger = getLogger("uvicorn.error")


class Supervisor(Multiprocess):
    """Checks the weights before SIGHUP replaces workers, forgets dead workers' gauges, and closes its sockets first."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], check: Callable[[], object]) -> None:
        super().__init__(config, sockets)
        self._check = check
        self._pids: set[int | None] = set()

    def handle_hup(self) -> None:
        """Replace the workers one by one, and the weights with them; keep them if the new weights are bad."""
        try:
            self._check()
        except WeightsError as error:
            logger.error("%s The workers keep the weights that they have.", error)
        else:
            super().handle_hup()

    def keep_subprocess_alive(self) -> None:
        super().keep_subprocess_alive()
        pids = {process.pid for process in self.processes}
        for pid in self._pids - pids:
            mark_process_dead(pid)  # type: ignore[no-untyped-call]  # its gauges; its counters stay in the sums
        self._pids = pids

    def terminate_all(self) -> None:
        """Stop the workers. New connections would wait forever in a socket that stays open here only."""
        for sock in self.sockets:
            sock.close()
        super().terminate_all()
