"""Requests and answers on the wire."""

import json
import subprocess
import time
from collections.abc import Iterator
from shutil import which

import pytest

from tests.conftest import DATA
from tests.serving import Server, serve, until_closed

SEVEN = (DATA / "seven.png").read_bytes()
LENGTH = b"Content-Length: %d\r\n" % len(SEVEN)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"9\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (SEVEN[:9], len(SEVEN) - 9, SEVEN[9:])
POST = b"POST /predict HTTP/1.1\r\nHost: a\r\n"
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
MANY = 200


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serve() as server:
        yield server


def parsed(answer: bytes) -> tuple[bytes, bytes]:
    """Status line and body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.split(b"\r\n")[0], body


def assert_seven(answer: bytes) -> None:
    status, body = parsed(answer)
    assert status == b"HTTP/1.1 200 OK"
    assert json.loads(body)["digit"] == 7


def test_an_answer_leaves_in_one_piece(server: Server) -> None:
    with server.connect() as connection:
        for _ in range(MANY):
            connection.sendall(POST + LENGTH + b"\r\n" + SEVEN)
            assert_seven(connection.recv(65_536))


def test_an_answer_without_a_body_leaves_too(server: Server) -> None:
    with server.connect() as connection:
        for _ in range(2):
            connection.sendall(b"HEAD /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            assert parsed(connection.recv(65_536)) == (b"HTTP/1.1 200 OK", b"")


def test_who_waits_to_be_told_to_go_on_is_told(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(POST + LENGTH + b"Expect: 100-continue\r\n\r\n")
        assert connection.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(SEVEN)
        assert_seven(connection.recv(65_536))


@pytest.mark.parametrize("pause", [0, 0.2], ids=["at once", "in two packets"])
@pytest.mark.parametrize(("framing", "body"), [(LENGTH, SEVEN), (CHUNKED, CHUNKS)], ids=["declared", "chunked"])
def test_an_offer_of_another_protocol_is_declined(server: Server, framing: bytes, body: bytes, pause: float) -> None:
    """As clients of Java make one with their first request, whose body must not be taken for a request of its own."""
    with server.connect() as connection:
        for _ in range(2):
            connection.sendall(POST + OFFER + framing + b"\r\n")
            time.sleep(pause)
            connection.sendall(body)
            assert_seven(connection.recv(65_536))
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n" + OFFER + b"\r\n")
        assert parsed(connection.recv(65_536))[0] == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize("length", [b"", b"Content-Length: 0\r\n"])
def test_who_offers_another_protocol_and_sends_no_body_is_not_waited_for(server: Server, length: bytes) -> None:
    with server.connect(5) as connection:
        connection.sendall(POST + OFFER + length + b"\r\n")
        assert b"/problems/image-missing" in connection.recv(65_536)


def test_requests_in_one_packet_may_each_make_an_offer(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(3 * (POST + OFFER + LENGTH + b"\r\n" + SEVEN) + POST + LENGTH + b"\r\n" + SEVEN)
        answers = b""
        while answers.count(b'"digit":7') < 4:
            answers += connection.recv(65_536)
        assert answers.count(b"HTTP/1.1 200 OK") == 4


def test_a_request_in_the_body_of_an_offer_is_no_request(server: Server) -> None:
    hidden = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
    with server.connect() as connection:
        connection.sendall(POST + OFFER + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(hidden) + hidden)
        answers = until_closed(connection)
    assert answers.count(b"HTTP/1.1 ") == 1
    assert b"/problems/image-format" in answers


@pytest.mark.skipif(not which("curl"), reason="needs curl: `apt install curl`, or https://curl.se")
def test_curl_may_offer_http_2(server: Server) -> None:
    command = ["curl", "--silent", "--http2", "-F", f"file=@{DATA / 'seven.png'}", f"{server.url}/predict"]
    assert json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["digit"] == 7


@pytest.mark.parametrize(
    "request_", [b"PREDICT\r\n\r\n", POST + b"Content-Length: many\r\n\r\n", POST + CHUNKED + b"\r\nx"]
)
def test_what_is_no_request_is_answered_with_a_problem(server: Server, request_: bytes) -> None:
    with server.connect() as connection:
        connection.sendall(request_)
        head, _, body = connection.recv(65_536).partition(b"\r\n\r\n")
        assert not connection.recv(65_536)
    status, *lines = head.split(b"\r\n")
    headers = dict(line.split(b": ") for line in lines)
    problem = json.loads(body)
    assert status == b"HTTP/1.1 400 Bad Request"
    assert b"date" in headers
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert problem == {
        "type": "/problems/invalid-request",
        "title": "The request is not valid",
        "status": 400,
        "detail": "This is not HTTP/1.1, or too many requests at once. Send it with an HTTP client.",
        "instance": "/",
        "request_id": headers[b"x-request-id"].decode(),
    }
