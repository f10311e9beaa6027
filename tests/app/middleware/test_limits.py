"""Limits on the size, time and number of requests, on a real socket."""

import select
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import repeat

import httpx2
import pytest
from PIL import Image

from app.middleware.limits import LARGEST_BODIES
from app.settings import Settings
from tests.app.middleware.test_observability import figures
from tests.app.problems import assert_problem
from tests.conftest import HEALTH, SEVEN, encode
from tests.serving import Server, serve, until, until_closed

HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\n"
TIMEOUT = 1
OPTIONS = ("--body-timeout-seconds", str(TIMEOUT))


def parsed(answer: bytes) -> httpx2.Response:
    """Parse a response to `HEAD` that was read from a socket."""
    head, body = answer.decode().split("\r\n\r\n", 1)
    status, *lines = head.split("\r\n")
    assert status.startswith("HTTP/1.1 ")
    headers = dict(line.split(": ", 1) for line in lines)
    request = httpx2.Request("POST", "http://x/predict")
    return httpx2.Response(int(status.split()[1]), headers=headers, content=body, request=request)


def test_body_timeout(server: Server) -> None:
    with server.connect(10) as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
        connection.settimeout(0.1)
        start, answer = time.monotonic(), b""
        while not answer:
            connection.sendall(b"x")
            try:
                answer = connection.recv(65536)
            except TimeoutError:
                assert time.monotonic() - start < 10 * TIMEOUT
        connection.settimeout(10)
        response = parsed(answer + until_closed(connection))
    assert response.headers["connection"] == "close"
    detail = f"The body did not arrive within {TIMEOUT} seconds. Send it faster, or a smaller file."
    assert_problem(response, 408, "body-timeout", "The request body arrived too slowly", detail)


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_graceful_shutdown_seconds(http: str) -> None:
    options = ("--http", http, "--drain-seconds", "0", "--graceful-shutdown-seconds", "1")
    with serve(*options) as server, server.connect(10) as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\nx")
        until(lambda: figures(server.url)("http_requests_in_flight") == 2)  # including the request for the metrics
        start = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        response = parsed(until_closed(connection))
        assert 1 <= time.monotonic() - start < 5
        assert server.process.wait(10) == 0  # `serve` would interrupt the shutdown
    assert response.headers["retry-after"] == "1"
    detail = "The service is shutting down. Send the request again."
    assert_problem(response, 503, "overloaded", "The service is overloaded", detail)
    assert "Traceback" not in "".join(server.log)


def test_max_in_flight() -> None:
    detail = "The service has 2 requests in flight, the maximum. Try again in a second."
    with serve("--max-in-flight", "2") as server, server.connect(10) as first, server.connect(10) as second:
        for connection in (first, second):
            connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
        until(lambda: figures(server.url)("http_requests_in_flight") == 3)  # including the request for the metrics
        response = httpx2.post(f"{server.url}/predict", content=SEVEN)
        assert response.headers["retry-after"] == "1"
        assert_problem(response, 503, "overloaded", "The service is overloaded", detail)
        assert httpx2.get(f"{server.url}/v2").json() == {"error": detail}
        for path in HEALTH:
            assert httpx2.get(f"{server.url}{path}").status_code == 200
        first.close()
        until(lambda: figures(server.url)("http_requests_in_flight") == 2)
        assert httpx2.post(f"{server.url}/predict", content=SEVEN).json()["digit"] == 7


@pytest.mark.parametrize("headers", [{}, {"Content-Length": str(10**9)}], ids=["chunked", "declared"])
@pytest.mark.parametrize(("path", "status"), [("/predict", 413), ("/nowhere", 404), ("/livez", 405), ("/model", 405)])
def test_large_body_is_refused_with_bounded_memory(
    server: Server, headers: dict[str, str], path: str, status: int
) -> None:
    before = server.peak_memory()
    response = httpx2.post(f"{server.url}{path}", content=repeat(bytes(1_000_000), 1000), headers=headers)
    assert response.status_code == response.json()["status"] == status
    assert path != "/predict" or response.json()["type"] == "/problems/body-too-large"
    assert server.peak_memory() - before < 40_000_000


def answered(clients: list[socket.socket]) -> list[socket.socket]:
    """Return the clients for which an answer has arrived."""
    return select.select(clients, [], [], 0)[0]


def test_total_memory_of_bodies() -> None:
    most = Settings().max_body_bytes
    with serve("--no-access-log", "--body-timeout-seconds", "300") as server, ExitStack() as stack:
        before = server.peak_memory()
        clients = [stack.enter_context(server.connect()) for _ in range(3 * LARGEST_BODIES)]
        for client in clients:
            client.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % most)
            unsent = most - 1
            while unsent and not answered([client]):
                unsent -= client.send(bytes(min(unsent, 65_536)))
        until(lambda: len(answered(clients)) >= len(clients) - LARGEST_BODIES)
        refused = answered(clients)
        assert len(refused) < len(clients)
        for client in refused:
            answer = client.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"retry-after: 1\r\n" in answer.lower()
        assert server.peak_memory() - before < 1.5 * LARGEST_BODIES * most  # the allocator may leave gaps
        assert httpx2.post(f"{server.url}/predict", content=SEVEN).json()["digit"] == 7
        stack.close()
        large = SEVEN + bytes(most - len(SEVEN))
        assert httpx2.post(f"{server.url}/predict", content=large, timeout=30).json()["digit"] == 7


def test_large_image_does_not_block_the_event_loop(server: Server) -> None:
    """Health checks are answered while an image, which arrives at once, is decoded in the thread."""
    image = Image.new("RGB", (7000, 7000), "white")
    image.paste("black", (3400, 1000, 3600, 6000))  # a stroke
    content, slowest = encode(image), 0.0
    before = figures(server.url)("image_decode_seconds_sum")
    with ThreadPoolExecutor() as executor, httpx2.Client(timeout=60) as client:
        photo = executor.submit(httpx2.post, f"{server.url}/predict?fit=true", content=content, timeout=60)
        while not photo.done():
            start = time.perf_counter()
            assert client.get(f"{server.url}/livez").status_code == 200
            slowest = max(slowest, time.perf_counter() - start)
    assert photo.result().status_code == 200
    assert slowest < (figures(server.url)("image_decode_seconds_sum") - before) / 2
