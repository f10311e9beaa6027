"""Cost of malicious requests with each HTTP parser: `python -m tests.benchmarks.parsers`.

For each kind of request: what was answered, and the server's resident memory before and after.
"""

import select
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import typer

from tests.conftest import SEVEN
from tests.serving import Server, serve

PIECE = 1_000_000
HEADER_TIMEOUT = 3
POST = b"POST /predict HTTP/1.1\r\nHost: a\r\n"
GET = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
OFFER = POST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
MANY = "20 connections with 8 MB pipelined, responses not read"
BODY = b"Content-Length: %d\r\n\r\n%s" % (len(SEVEN), SEVEN)


def repeated(head: bytes, unit: bytes, total: int = 60_000_000) -> Iterator[bytes]:
    block = unit * (PIECE // len(unit))
    yield head
    for left in range(total, 0, -len(block)):
        yield block[:left]


def slowly(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield piece
        time.sleep(0.5)


CASES: dict[str, tuple[Callable[[], Iterable[bytes]], float]] = {
    "60 MB of header lines": (lambda: repeated(POST, b"X-A: a\r\n"), 5),
    "one header of 60 MB": (lambda: repeated(POST + b"X-A: ", b"a"), 5),
    "60 MB of trailers": (lambda: repeated(CHUNKED, b"X-A: a\r\n"), 5),
    "200,000 pipelined requests": (lambda: repeated(GET, GET, 199_999 * len(GET)), 5),
    MANY: (lambda: repeated(GET, GET, 8_000_000), 2),
    "an offer of h2c with a body, then a request": (lambda: slowly([OFFER + BODY, POST + BODY]), 3),
    f"a silent connection (timeout {HEADER_TIMEOUT} s)": (lambda: [], 3 * HEADER_TIMEOUT),
    f"a slow head (timeout {HEADER_TIMEOUT} s)": (lambda: slowly([POST + b"X-A: ", *[b"a"] * 6 * HEADER_TIMEOUT]), 1),
}
"""Request, and the time without progress in seconds after which the client disconnects."""


def exchange(server: Server, pieces: Iterable[bytes], patience: float, reads: bool = True) -> str:
    """Send parts of a request; return statuses, the end of the connection and the number of bytes sent."""
    answer, sent, end, start = bytearray(), 0, "open", time.monotonic()
    waiting, unsent = iter(pieces), memoryview(b"")
    with server.connect() as connection:
        try:
            while end == "open":
                unsent = unsent or memoryview(next(waiting, b""))
                readable, writable, _ = select.select([connection][:reads], [connection][: len(unsent)], [], patience)
                if readable:
                    part = connection.recv(65_536)
                    answer += part
                    end = "open" if part else "closed"
                elif writable:
                    count = connection.send(unsent)
                    sent, unsent = sent + count, unsent[count:]
                else:
                    break
        except ConnectionError:
            end = "reset"
    found = [rest[:3].decode() for rest in answer.split(b"HTTP/1.1 ")[1:]]
    statuses = ", ".join(f"{found.count(status)} x {status}" for status in sorted(set(found))) or "nothing"
    return f"{statuses}, {end} after {time.monotonic() - start:.0f} s, {sent / 1e6:.0f} MB sent"


def main() -> None:
    typer.echo("| request | parser | answered | MB before | peak |\n|---|---|---|---|---|")
    for name, (pieces, patience) in CASES.items():
        count = 20 if name == MANY else 1
        for http in ("h11", "httptools"):
            with serve("--http", http, "--header-timeout-seconds", str(HEADER_TIMEOUT), "--no-access-log") as server:
                exchange(server, [GET], 0.5)
                before = psutil.Process(server.process.pid).memory_info().rss / 1e6
                with ThreadPoolExecutor(count) as executor:
                    calls = [executor.submit(exchange, server, pieces(), patience, name != MANY) for _ in range(count)]
                answered = "; ".join(sorted({call.result() for call in calls}))
                typer.echo(f"| {name} | {http} | {answered} | {before:.0f} | {server.peak_memory() / 1e6:.0f} |")


if __name__ == "__main__":
    typer.run(main)
