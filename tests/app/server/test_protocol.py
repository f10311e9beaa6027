"""HTTP/1.1 at byte level, with the default parser h11."""

import json
import subprocess
import time
from shutil import which

import httpx2
import pytest

from tests.conftest import DATA, SEVEN
from tests.serving import Server, serve, until_closed

LENGTH = b"Content-Length: %d\r\n" % len(SEVEN)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"9\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (SEVEN[:9], len(SEVEN) - 9, SEVEN[9:])
HOST = b"Host: a\r\n"
POST = b"POST /predict HTTP/1.1\r\n" + HOST
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
TIMEOUT = 1.0
OPTIONS = ("--header-timeout-seconds", str(TIMEOUT))


def test_expect_100_continue(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(POST + LENGTH + b"Expect: 100-continue\r\n\r\n")
        assert connection.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(SEVEN + POST + LENGTH + b"Connection: close\r\n\r\n" + SEVEN)
        assert until_closed(connection).count(b'"digit":7') == 2


@pytest.mark.parametrize(("framing", "body"), [(LENGTH, SEVEN), (CHUNKED, CHUNKS)], ids=["declared", "chunked"])
def test_h2c_upgrade_is_ignored(server: Server, framing: bytes, body: bytes) -> None:
    """Java's HttpClient sends this header with its first request."""
    with server.connect() as connection:
        for headers in (OFFER, OFFER, b"Connection: close\r\n"):
            connection.sendall(POST + headers + framing + b"\r\n")
            time.sleep(0.1)
            connection.sendall(body)
        assert until_closed(connection).count(b'"digit":7') == 3


@pytest.mark.skipif(not which("curl"), reason="needs curl: `apt install curl`, or https://curl.se")
def test_curl_http2(server: Server) -> None:
    command = ["curl", "--silent", "--http2", "-F", f"file=@{DATA / 'seven.png'}", f"{server.url}/predict"]
    assert json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["digit"] == 7


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (b"PREDICT\r\n\r\n", "Invalid HTTP request: illegal request line: bytearray(b'PREDICT')."),
        (POST + b"Content-Length: many\r\n\r\n", "Invalid HTTP request: bad Content-Length."),
        (POST + CHUNKED + b"\r\nx\r\n", r"Invalid HTTP request: illegal chunk header: bytearray(b'x\r\n')."),
        (POST + HOST + b"\r\n", "Invalid HTTP request: Found multiple Host: headers."),
        (b"GET /livez HTTP/1.1\r\n\r\n", "Invalid HTTP request: Missing mandatory Host: header."),
        (b"GET /\xff HTTP/1.1\r\n" + HOST + b"\r\n", "Invalid HTTP request: illegal request line:"),
        (POST + b"A: " + b"a" * 60_000, "The request head is too large. Send at most 16 KiB."),
    ],
    ids=["no HTTP", "bad length", "bad chunk", "two Hosts", "no Host", "path with bytes over 127", "large head"],
)
def test_invalid_http(server: Server, request_: bytes, reason: str) -> None:
    head, _, body = server.exchange(request_).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert reason.encode() in body


def test_invalid_chunk_after_the_response(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(b"POST /nowhere HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n")
        answer = b""
        while not answer.endswith(b"}"):
            answer += connection.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 404 ")
        connection.sendall(b"x\r\n")
        assert connection.recv(65_536) == b""


NEXT = b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n"
LATE_BODY = b"POST /nowhere HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\n"


@pytest.mark.parametrize(
    "sent", [b"", POST, NEXT + POST, LATE_BODY], ids=["silent", "slow head", "slow second head", "late body"]
)
def test_header_timeout(server: Server, sent: bytes) -> None:
    with server.connect() as connection:
        start = time.monotonic()
        connection.sendall(sent)
        connection.settimeout(TIMEOUT / 10)
        while time.monotonic() - start < 10 * TIMEOUT:
            try:
                if not connection.recv(65_536):
                    break
            except TimeoutError:
                connection.sendall(sent and b"a")
            except ConnectionError:
                break
        assert 0.9 * TIMEOUT < time.monotonic() - start < 5 * TIMEOUT
    assert httpx2.get(f"{server.url}/livez").status_code == 200


def test_header_timeout_does_not_apply_to_bodies(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(POST + LENGTH + b"Connection: close\r\n\r\n" + SEVEN[:9])
        time.sleep(1.5 * TIMEOUT)
        connection.sendall(SEVEN[9:])
        assert until_closed(connection).count(b'"digit":7') == 1


def test_httptools() -> None:
    """It uses uvicorn's protocol, which does not close connections that have sent nothing."""
    with serve("--http", "httptools", "--header-timeout-seconds", "0.2") as server, server.connect(2) as connection:
        assert httpx2.post(f"{server.url}/predict", content=SEVEN).json()["digit"] == 7
        with pytest.raises(TimeoutError):
            connection.recv(1)


@pytest.mark.parametrize("http", ["h11", "httptools"])
@pytest.mark.parametrize("seconds", [1, 7])
def test_idle_after_a_response(http: str, seconds: int) -> None:
    """The timeout may be longer than uvicorn's default of 5 s."""
    with serve("--http", http, "--header-timeout-seconds", str(seconds)) as server, server.connect() as connection:
        connection.sendall(NEXT)
        start = time.monotonic()
        assert until_closed(connection).startswith(b"HTTP/1.1 200 ")
        assert 0.9 * seconds < time.monotonic() - start < seconds + 4
