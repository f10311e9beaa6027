"""Bodies that are too large, too slow, too many, on a real socket."""

import io
import select
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx2
import pytest
from PIL import Image

from app.middleware.limits import LARGEST_BODIES
from app.settings import Settings
from tests.app.middleware.test_observability import figures
from tests.app.problems import assert_problem
from tests.conftest import DATA, HEALTH
from tests.serving import Server, serve, until, until_closed

SEVEN = (DATA / "seven.png").read_bytes()
HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\n"
TIMEOUT = 1


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serve("--body-timeout-seconds", str(TIMEOUT)) as server:
        yield server


def test_a_body_that_trickles_is_cut_off(server: Server) -> None:
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
        answer += until_closed(connection)
    head, body = answer.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in head.lower()
    response = httpx2.Response(
        408,
        headers=dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:]),
        content=body,
        request=httpx2.Request("POST", f"{server.url}/predict"),
    )
    assert_problem(
        response,
        408,
        "body-timeout",
        "The request body came too slowly",
        f"The body did not arrive within {TIMEOUT} seconds. Send it faster, or a smaller file.",
    )


def test_more_requests_than_the_limit_are_refused_and_health_is_not() -> None:
    with serve("--max-in-flight", "2") as server, server.connect(10) as first, server.connect(10) as second:
        for connection in (first, second):
            connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
        until(lambda: in_flight(server) == 3)  # with the request for the metrics
        response = httpx2.post(f"{server.url}/predict", content=SEVEN)
        assert response.headers["retry-after"] == "1"
        assert_problem(
            response,
            503,
            "overloaded",
            "The service has too much to do",
            "The service has 2 requests in flight. Try again in a second.",
        )
        assert httpx2.get(f"{server.url}/v2").json() == {
            "error": "The service has 2 requests in flight. Try again in a second."
        }
        for path in HEALTH:
            assert httpx2.get(f"{server.url}{path}").status_code == 200
        first.close()
        until(lambda: in_flight(server) == 2)
        assert httpx2.post(f"{server.url}/predict", content=SEVEN).json()["digit"] == 7


def in_flight(server: Server) -> float:
    return figures(httpx2.get(f"{server.url}/metrics").text)["http_requests_in_flight", frozenset()]


def gigabyte() -> Iterator[bytes]:
    for _ in range(1000):
        yield bytes(1_000_000)


@pytest.mark.parametrize("chunked", [True, False])
def test_a_gigabyte_is_refused_with_bounded_memory_and_the_client_reads_why(server: Server, chunked: bool) -> None:
    headers = {} if chunked else {"Content-Length": str(10**9)}
    before = server.peak_memory()
    response = httpx2.post(f"{server.url}/predict", content=gigabyte(), headers=headers)
    assert response.status_code == 413
    assert response.json()["type"] == "/problems/body-too-large"
    assert server.peak_memory() - before < 40_000_000


def test_large_bodies_do_not_fill_the_memory_together() -> None:
    most = Settings().max_body_bytes
    with serve("--no-access-log") as server, ExitStack() as stack:
        before = server.peak_memory()
        clients = [stack.enter_context(server.connect(10)) for _ in range(3 * LARGEST_BODIES)]
        refused = 0
        for client in clients:
            client.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % most)
            unsent = most - 1
            while unsent and not select.select([client], [], [], 0)[0]:
                unsent -= client.send(bytes(min(unsent, 65_536)))
            if select.select([client], [], [], 0.5)[0]:
                answer = client.recv(65_536)
                assert answer.startswith(b"HTTP/1.1 503 ")
                assert b"retry-after: 1\r\n" in answer.lower()
                refused += 1
        assert len(clients) - LARGEST_BODIES <= refused < len(clients)
        assert server.peak_memory() - before < (LARGEST_BODIES + 2) * most
        assert httpx2.post(f"{server.url}/predict", content=SEVEN).json()["digit"] == 7
        stack.close()
        large = SEVEN + bytes(most - len(SEVEN))
        assert httpx2.post(f"{server.url}/predict", content=large, timeout=30).json()["digit"] == 7


@pytest.mark.parametrize("path", ["/nowhere", "/livez", "/model"])
def test_a_large_body_that_no_route_reads_is_discarded(server: Server, path: str) -> None:
    before = server.peak_memory()
    assert httpx2.post(f"{server.url}{path}", content=gigabyte()).status_code in (404, 405)
    assert server.peak_memory() - before < 40_000_000


def test_large_images_do_not_hold_up_small_ones(server: Server) -> None:
    """Health answers while a photo is being fitted: decoding is off the event loop."""
    buffer = io.BytesIO()
    noise = Image.effect_noise((4000, 2500), 60)
    noise.paste(0, (1900, 500, 2100, 2000))  # a stroke
    noise.save(buffer, "PNG", compress_level=1)
    url = f"{server.url}/predict?fit=true"
    with ThreadPoolExecutor() as executor, httpx2.Client() as client:
        photo = executor.submit(httpx2.post, url, content=buffer.getvalue(), timeout=60)
        answered = 0
        while not photo.done():
            answered += client.get(f"{server.url}/livez").status_code == 200
    assert answered >= 10  # and not only before and after
    assert photo.result().status_code == 200
