"""What goes wrong outside of the service, and what its users see of it."""

import http.client
import json
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from tests.app.middleware.test_observability import figures
from tests.conftest import SEVEN
from tests.serving import serve, until

DAY = 86_400


def test_clients_that_leave_in_the_middle_leave_nothing_behind() -> None:
    with serve() as server:
        for sent in range(0, 200, 2):
            request = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(SEVEN), SEVEN)
            with server.connect() as connection:
                connection.sendall(request[: len(request) * sent // 200])
        for _ in range(50):  # the answer is on its way when they go
            with server.connect() as connection:
                connection.sendall(request)
        until(lambda: figures(server.url)("http_requests_in_flight") == 1)  # the one that asks
        assert httpx2.post(f"{server.url}/predict", content=SEVEN).json()["digit"] == 7
    assert "Traceback" not in "".join(server.log)
    statuses = {json.loads(line)["status"] for line in server.log if line.startswith("{")}
    assert statuses <= {200, 400}


def test_a_jump_of_the_clock_harms_nobody(tmp_path: Path) -> None:
    """By libfaketime, which moves the clock of the day and leaves the monotonic one alone, as an administrator does."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if library is None:
        pytest.skip("needs libfaketime: `apt install faketime`, or https://github.com/wolfcw/libfaketime")
    clock = tmp_path / "clock"
    clock.write_text("+0")
    environment = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    with (
        serve("--body-timeout-seconds", "20", environment=environment) as server,
        closing(http.client.HTTPConnection(server.url.removeprefix("http://"))) as slow,
        httpx2.Client(base_url=server.url) as client,
    ):
        slow.putrequest("POST", "/predict")
        slow.putheader("Content-Length", str(len(SEVEN)))
        slow.endheaders(SEVEN[:100])
        for count, offset in enumerate((0, DAY, -DAY), 1):
            clock.write_text(f"{offset:+}")
            assert client.post("/predict", content=SEVEN).json()["digit"] == 7
            while sum(line.startswith("{") for line in server.log) < count:  # it is logged after it is answered
                time.sleep(0.01)
        slow.send(SEVEN[100:])
        assert slow.getresponse().status == 200
    lines = [json.loads(line) for line in server.log if line.startswith("{")]
    days = [round((datetime.fromisoformat(line["time"]) - datetime.now(UTC)).total_seconds() / DAY) for line in lines]
    assert days == [0, 1, -1, -1]
    assert all(0 < line["milliseconds"] < 20_000 for line in lines)
