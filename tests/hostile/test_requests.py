"""Invalid HTTP requests and forms, sent as bytes."""

import contextlib

import httpx2
import pytest

from tests.conftest import encode
from tests.hostile.corpus import drawing
from tests.serving import Server

SEVEN = encode(drawing())
LINE = b"POST /predict HTTP/1.1\r\n"
HOST = b"Host: a\r\n"
PIECE = 1_000_000
OPTIONS = ("--no-access-log",)
MEMORY = 150_000_000
"""Maximum resident memory in bytes."""


def part(name: str, content: bytes, head: bytes = b"") -> bytes:
    """Make a part of a form with the boundary b."""
    return b'--b\r\nContent-Disposition: form-data; name="%s"\r\n%s\r\n%s\r\n' % (name.encode(), head, content)


def form(body: bytes, kind: bytes = b"multipart/form-data; boundary=b", path: bytes = b"/predict") -> bytes:
    head = b"POST %s HTTP/1.1\r\n%sContent-Type: %s\r\nContent-Length: %d\r\n" % (path, HOST, kind, len(body))
    return head + b"Connection: close\r\n\r\n" + body


def nested(depth: int) -> bytes:
    """Make nested forms."""
    body = part("file", SEVEN) + b"--b--"
    for _ in range(depth):
        body = part("file", body, b"Content-Type: multipart/mixed; boundary=b\r\n") + b"--b--"
    return body


FORMS = {
    "a form in a form, 200 deep": form(nested(200)),
    "100,000 images": form(part("files", b"x") * 100_000 + b"--b--", path=b"/predict/batch"),
    "a part with 10,000 headers": form(part("file", SEVEN, b"X-A: b\r\n" * 10_000) + b"--b--"),
    "an empty boundary": form(part("file", SEVEN) + b"--b--", b'multipart/form-data; boundary=""'),
    "a boundary of 10,000 letters": form(part("file", SEVEN), b"multipart/form-data; boundary=" + b"b" * 10_000),
    "a megabyte of almost boundaries": form(b"\r\n--" * (PIECE // 4)),
    "a content type of 10,000 parameters": form(SEVEN, b"multipart/form-data" + b"; a=b" * 10_000),
}

HEADS = {
    "a header with a null byte": LINE + HOST + b"X-A: a\0b\r\n\r\n",
    "two lengths": LINE + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
    "a length and chunks": LINE + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a key that is no text": LINE + HOST + b"X-API-Key: \xff\xfe\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
}

ENDLESS = {
    "a line": b"POST /" + b"a" * PIECE,
    "headers": LINE + HOST + b"X-A: a\r\n" * (PIECE // 8),
    "a header of a second request": b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n" + LINE + b"X-A: " + b"a" * PIECE,
    "trailers": LINE + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n" + b"X-A: a\r\n" * (PIECE // 8),
    "the extension of a chunk": LINE + HOST + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"a" * PIECE,
}
"""Requests whose last 8 bytes are repeated."""


@pytest.mark.parametrize("name", [*FORMS, *HEADS])
def test_invalid_forms_and_heads(server: Server, name: str) -> None:
    [response] = server.exchange({**FORMS, **HEADS}[name]).split(b"HTTP/1.1 ")[1:]
    assert int(response[:3]) in ((200, 413, 415, 422) if name in FORMS else range(400, 500))
    check(server)


@pytest.mark.parametrize("name", ENDLESS)
def test_endless_requests(server: Server, name: str) -> None:
    request = ENDLESS[name]
    with pytest.raises(ConnectionError):
        server.exchange(request + request[-8:] * (200 * PIECE // 8))
    check(server)


def test_pipelined_requests(server: Server) -> None:
    with server.connect(2) as connection, contextlib.suppress(TimeoutError, ConnectionError):
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n" * 500_000)  # responses are not read
    check(server)


def check(server: Server) -> None:
    """Check that the server responds and has freed the memory."""
    assert httpx2.post(f"{server.url}/predict", content=SEVEN).json()["digit"] == 7
    assert server.peak_memory() < MEMORY
