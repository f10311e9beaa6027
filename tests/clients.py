"""Clients that send requests continuously."""

import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tests.conftest import SEVEN

COUNT = 16
PATIENCE_SECONDS = 60


class Clients:
    """Clients that send one request after the other, each on a persistent connection or on new ones."""

    def __init__(self, url: str, count: int = COUNT, keep_alive: bool = True) -> None:
        self._address = url.removeprefix("http://")
        self._keep_alive = keep_alive
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(count)]
        self._lock = threading.Lock()
        self.outcomes: Counter[str] = Counter()
        self.versions: Counter[str] = Counter()
        """Number of responses by model version."""
        self.refused = 0
        """Number of clients that ended because a connection was refused."""

    def _run(self) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=PATIENCE_SECONDS)
        while not self._stop.is_set():
            try:
                connection.request("POST", "/predict", SEVEN, {"Content-Type": "image/png"})
                response = connection.getresponse()
                answer = response.read()
                outcome = str(response.status)
                version = json.loads(answer)["model"]["version"] if outcome == "200" else ""
                if not self._keep_alive:
                    connection.close()
            except ConnectionRefusedError:  # no request was sent
                self.refused += 1
                return
            except (OSError, http.client.HTTPException) as error:
                outcome, version = repr(error), ""
                connection.close()
            with self._lock:
                self.outcomes[outcome] += 1
                self.versions[version] += 1
        connection.close()

    @contextmanager
    def running(self) -> Iterator["Clients"]:
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            self.join()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
