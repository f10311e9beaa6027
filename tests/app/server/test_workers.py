"""Start, reload, crash and shutdown of workers under load."""

import os
import re
import signal
from dataclasses import replace
from pathlib import Path

import httpx2
import psutil
import pytest

from app.classifier.weights import DEFAULT_PATH, load, save
from tests.app.middleware.test_observability import figures
from tests.clients import COUNT, Clients
from tests.conftest import SEVEN
from tests.serving import Server, serve, until

PATIENCE = 60


def workers(server: Server) -> list[int]:
    """Return the process ids of the running workers, oldest first."""
    started = re.findall(r"Started server process \[(\d+)\]", "".join(server.log))
    return [int(pid) for pid in started if psutil.pid_exists(int(pid))]


def predictions(server: Server) -> tuple[float, float]:
    """Return the numbers of prediction requests and of predicted sevens in the metrics."""
    count = figures(server.url)
    requests = count("http_request_duration_seconds_count", method="POST", route="/predict", status="200")
    return requests, count("predictions_total", digit="7", confident="true")


def test_reload_crash_and_shutdown_under_load(tmp_path: Path) -> None:
    weights = load(DEFAULT_PATH)
    path = tmp_path / "weights.safetensors"
    save(path, weights.parameters, weights.metadata)
    with serve("--workers", "2", "--weights", str(path), "--no-access-log") as server:
        # SIGHUP: new weights, no failed request.
        with Clients(server.url).running() as clients:
            until(lambda: clients.outcomes["200"] > 200)
            until(lambda: len(workers(server)) == 2)
            before = workers(server)
            save(path, weights.parameters, replace(weights.metadata, version="9.9.9"))
            server.process.send_signal(signal.SIGHUP)
            until(lambda: not set(workers(server)) & set(before))
            asked = clients.outcomes["200"]
            until(lambda: clients.outcomes["200"] > asked + 100)
        assert set(clients.outcomes) == {"200"}
        assert clients.versions["9.9.9"] > 100

        # Metrics: the counters include stopped workers, the info gauge does not.
        until(lambda: predictions(server) == (clients.outcomes["200"],) * 2)
        for _ in range(10):  # a new connection each, to either worker
            assert predictions(server) == (clients.outcomes["200"],) * 2
        until(lambda: httpx2.get(f"{server.url}/metrics").text.count("\nthree_or_seven_info{") == 1)

        # A crash: only the worker's requests in flight fail, and it is replaced.
        with Clients(server.url).running() as clients:
            until(lambda: clients.outcomes["200"] > 200)
            killed = workers(server)[0]
            os.kill(killed, signal.SIGKILL)
            until(lambda: len(workers(server)) == 2 and killed not in workers(server))
            asked = clients.outcomes["200"]
            until(lambda: clients.outcomes["200"] > asked + 100)
            lost = clients.outcomes.total() - clients.outcomes["200"]
            assert lost <= COUNT

            # SIGTERM: no failed request until the socket is closed.
            server.process.send_signal(signal.SIGTERM)
            clients.join()
            assert clients.outcomes.total() - clients.outcomes["200"] == lost
        assert server.process.wait(PATIENCE) == 0


def test_single_process_sighup_and_shutdown_under_load() -> None:
    with serve() as server:
        server.process.send_signal(signal.SIGHUP)
        until(lambda: any("see --workers" in line for line in server.log))
        with Clients(server.url).running() as clients:
            until(lambda: clients.outcomes["200"] > 200)
            server.process.send_signal(signal.SIGTERM)
            clients.join()
        assert set(clients.outcomes) == {"200"}
        assert server.process.wait(PATIENCE) == 0


def test_drain() -> None:
    with serve("--drain-seconds", "60") as server:
        server.process.send_signal(signal.SIGTERM)
        until(lambda: httpx2.get(f"{server.url}/readyz").status_code == 503)
        assert httpx2.get(f"{server.url}/readyz").json() == {"status": "draining"}
        assert httpx2.get(f"{server.url}/v2/health/ready").json() == {"ready": False}
        ready = httpx2.get(f"{server.url}/v2/models/three-or-seven/ready")
        assert (ready.status_code, ready.json()) == (503, {"name": "three-or-seven", "ready": False})
        answer = httpx2.post(f"{server.url}/predict", content=SEVEN)
        assert answer.json()["digit"] == 7
        assert answer.headers["connection"] == "close"
        assert httpx2.get(f"{server.url}/livez").status_code == 200


@pytest.mark.parametrize(("count", "code"), [(1, 130), (2, 0)])
def test_sigint(count: int, code: int) -> None:
    with serve("--drain-seconds", "60", "--workers", str(count)) as server:
        until(lambda: len(workers(server)) == count)
        for pid in {server.process.pid, *workers(server)}:  # a terminal sends SIGINT to the whole group
            os.kill(pid, signal.SIGINT)
        assert server.process.wait(20) == code


def test_reload_of_bad_weights(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(DEFAULT_PATH.read_bytes())
    with serve("--workers", "2", "--weights", str(path)) as server:
        until(lambda: len(workers(server)) == 2)
        before = workers(server)
        path.write_bytes(b"junk")
        server.process.send_signal(signal.SIGHUP)
        until(lambda: any("The workers continue with the earlier weights." in line for line in server.log))
        assert any(f"Cannot use the weights file '{path}'" in line for line in server.log)
        assert not any("not ready in time" in line for line in server.log)
        assert workers(server) == before
        assert httpx2.post(f"{server.url}/predict", content=SEVEN).json()["digit"] == 7
