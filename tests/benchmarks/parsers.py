"""What hostile requests cost with each HTTP parser: `python -m tests.benchmarks.parsers`.

For each kind of request: what was answered, and the server's resident memory before and after.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import typer

from tests.conftest import SEVEN
from tests.serving import Server, serve

SIZE = 60_000_000
POST = b"POST /predict HTTP/1.1\r\nHost: a\r\n"
GET = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
PIECE = 1_000_000
HEADER_TIMEOUT = 3


def repeated(unit: bytes, total: int = SIZE) -> Iterator[bytes]:
    block = unit * (PIECE // len(unit))
    for left in range(total, 0, -len(block)):
        yield block[:left]


def statuses(answer: bytes) -> str:
    """Count the responses by status, such as `2 x 200`."""
    found = [rest[:3].decode() for rest in answer.split(b"HTTP/1.1 ")[1:]]
    return ", ".join(f"{found.count(status)} x {status}" for status in sorted(set(found))) or "nothing"


def exchange(server: Server, head: bytes, pieces: Iterator[bytes], patience: float = 5) -> str:
    """Send a request in pieces and read what is answered; say how much was sent and how the connection ended."""
    answer, sent, end = bytearray(), 0, "open"
    with server.connect(patience) as connection:
        try:
            connection.sendall(head)
            connection.setblocking(False)
            piece, since = memoryview(next(pieces, b"")), time.monotonic()
            while time.monotonic() - since < patience:
                with contextlib.suppress(BlockingIOError):
                    if not (part := connection.recv(65_536)):
                        end = "closed"
                        break
                    answer += part
                    since = time.monotonic()
                if piece:
                    with contextlib.suppress(BlockingIOError):
                        count = connection.send(piece)
                        sent, piece = sent + count, piece[count:] or memoryview(next(pieces, b""))
                        since = time.monotonic()
                else:
                    time.sleep(0.01)
        except ConnectionError:
            end = "reset"
    return f"{statuses(bytes(answer))}, {end}, {sent / 1e6:.0f} MB sent"


def many_pipelines(server: Server) -> str:
    """20 connections on each of which 8 MB of requests wait; responses are not read."""
    connections = [server.connect() for _ in range(20)]
    sent = 0
    for connection in connections:
        connection.setblocking(False)
        until = time.monotonic() + 2
        with contextlib.suppress(ConnectionError):
            for piece in repeated(GET, 8_000_000):
                view = memoryview(piece)
                while view and time.monotonic() < until:
                    try:
                        count = connection.send(view)
                    except BlockingIOError:
                        time.sleep(0.01)
                    else:
                        sent, view = sent + count, view[count:]
    for connection in connections:
        connection.close()
    return f"{sent / 1e6:.0f} MB taken"


def offer(server: Server) -> str:
    """An offer of h2c with a body, then a second request on the same connection."""
    answers = []
    with server.connect(3) as connection:
        for headers in (H2C, b""):
            with contextlib.suppress(TimeoutError):
                connection.sendall(POST + headers + b"Content-Length: %d\r\n\r\n%s" % (len(SEVEN), SEVEN))
                time.sleep(0.2)
                answer = connection.recv(65_536)
                answers.append(f"{statuses(answer)}{' (a 7)' if b':7,' in answer else ''}")
    return ", then ".join(answers)


def seconds_open(server: Server, head: bytes) -> str:
    """How long the server keeps a connection that has sent this."""
    with server.connect(3 * HEADER_TIMEOUT + 5) as connection:
        connection.sendall(head)
        since = time.monotonic()
        with contextlib.suppress(TimeoutError, ConnectionError):
            while time.monotonic() - since < 3 * HEADER_TIMEOUT:
                connection.settimeout(0.5)
                try:
                    if not connection.recv(65_536):
                        return f"closed after {time.monotonic() - since:.1f} s"
                except TimeoutError:
                    connection.sendall(head and b"a")
    return f"open after {time.monotonic() - since:.1f} s"


CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
CASES: dict[str, Callable[[Server], str]] = {
    "60 MB of header lines": lambda server: exchange(server, POST, repeated(b"X-A: a\r\n")),
    "one header of 60 MB": lambda server: exchange(server, POST + b"X-A: ", repeated(b"a")),
    "60 MB of trailers": lambda server: exchange(server, CHUNKED, repeated(b"X-A: a\r\n")),
    "200,000 pipelined requests": lambda server: exchange(server, b"", repeated(GET, 200_000 * len(GET))),
    "20 connections with 8 MB pipelined": many_pipelines,
    "an offer of h2c with a body, then a request": offer,
    f"a silent connection (timeout {HEADER_TIMEOUT} s)": lambda server: seconds_open(server, b""),
    f"a slow head (timeout {HEADER_TIMEOUT} s)": lambda server: seconds_open(server, POST + b"X-A: "),
}


def resident(server: Server) -> float:
    """Resident memory in MB."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1000


def main() -> None:
    typer.echo("| request | parser | answered | MB before | peak |\n|---|---|---|---|---|")
    for name, case in CASES.items():
        for http in ("h11", "httptools"):
            with serve("--http", http, "--header-timeout-seconds", str(HEADER_TIMEOUT), "--no-access-log") as server:
                exchange(server, GET, iter(()), 0.5)
                before = resident(server)
                answered = case(server)
                typer.echo(f"| {name} | {http} | {answered} | {before:.0f} | {server.peak_memory() / 1e6:.0f} |")


if __name__ == "__main__":
    main()
