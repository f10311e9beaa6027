"""Faults outside of the service."""

import json

import httpx2

from tests.app.middleware.test_observability import figures
from tests.conftest import SEVEN
from tests.serving import serve, until


def test_client_disconnects() -> None:
    with serve() as server:
        for sent in range(0, 200, 2):
            request = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(SEVEN), SEVEN)
            with server.connect() as connection:
                connection.sendall(request[: len(request) * sent // 200])
        for _ in range(50):  # these disconnect after the request
            with server.connect() as connection:
                connection.sendall(request)
        until(lambda: figures(server.url)("http_requests_in_flight") == 1)  # the request for the metrics
        assert httpx2.post(f"{server.url}/predict", content=SEVEN).json()["digit"] == 7
    assert "Traceback" not in "".join(server.log)
    statuses = {json.loads(line)["status"] for line in server.log if line.startswith("{")}
    assert statuses <= {200, 400}
