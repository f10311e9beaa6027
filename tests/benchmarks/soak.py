"""All kinds of requests for a long time, then an overload: `python -m tests.benchmarks.soak`.

Every response is compared with the right one. The service has one core, its clients the others. The command ends with
an error if a response was wrong, if a request failed, or if memory or descriptors grew.
"""

import http.client
import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Annotated, NamedTuple

import numpy as np
import typer
from PIL import Image
from rich.console import Console

from app.classifier.weights import DEFAULT_PATH, load
from app.explanation import explain
from tests.benchmarks.growth import drawing
from tests.benchmarks.load import DIGIT, PATIENCE, Load, Server, form, running, service, table
from tests.benchmarks.serving import BARE, BINARY, FORM, PIXELS, PNG
from tests.conftest import encode

CLIENTS = 24
SLOW_SECONDS = 1.0
OVERLOAD = 400
"""Number of connections: four times `max_in_flight`."""

PROBES = 4
GROWTH = 40_000_000
"""Maximum growth of memory in bytes after the warm-up: a photo and a large body."""

WARM_UP = 0.1
"""Fraction of the time before memory is measured."""

WHY = explain(load(DEFAULT_PATH).parameters, PIXELS, colors=True)


def by_mixed_entries(content: bytes) -> bool:
    """Whether the second of three is refused and the others are sevens."""
    first, second, third = json.loads(content)["predictions"]
    good = [entry["prediction"] for entry in (first, third)]
    return all(each and each["digit"] == DIGIT for each in good) and second["problem"]["status"] == 415


class Kind(NamedTuple):
    """A kind of request, its frequency, and the status of the right response."""

    load: Load
    weight: int
    status: int = 200
    manner: str = "plain"
    """`slow` sends the body in parts, `leaving` disconnects in the middle of it."""


KINDS = (
    Kind(BARE, 40),
    Kind(FORM, 20),
    Kind(Load("drawing to fit", drawing("PNG", 280), path="/predict?fit=true"), 8),
    Kind(Load("photo of 9 MP", drawing("JPEG", 3000), path="/predict?fit=true"), 2),
    Kind(form("files", [PNG, b"junk", PNG], "/predict/batch", "batch with junk", by_mixed_entries), 6),
    Kind(BINARY, 4),
    Kind(Load("explanation", PNG, path="/explain", is_right=WHY.__eq__), 4),
    Kind(Load("junk", b"junk"), 4, 415),
    Kind(Load("cut off", PNG[:100]), 4, 422),
    Kind(Load("blank", encode(Image.new("L", (28, 28)))), 4, 422),
    Kind(Load("too large", bytes(13 * 2**20)), 1, 413),
    Kind(Load("no such path", b"", path="/nothing"), 2, 404),
    Kind(Load("slow", PNG), 1, manner="slow"),
    Kind(Load("leaving", PNG), 2, manner="leaving"),
)


class Sent(NamedTuple):
    """A request and its outcome: right, shed, left, wrong or failed."""

    kind: str
    outcome: str
    note: str
    milliseconds: float


def main(
    seconds: Annotated[float, typer.Option(min=1, help="Length of the soak.")] = 600,
    overload_seconds: Annotated[float, typer.Option(min=1, help="Length of the overload.")] = 30,
) -> None:
    """Run the soak and the overload."""
    console = Console(width=160)
    with running(service(), BARE) as server:
        usage = [(server.memory(), server.process.num_fds())]
        with clients(server, KINDS, CLIENTS) as sent:
            for share in (WARM_UP, 0.5 - WARM_UP, 0.5):
                time.sleep(share * seconds)
                usage.append((server.memory(), server.process.num_fds()))
        moments = ("start", f"after {WARM_UP:.0%}", "after 50%", "after 100%")
        rows = [(when, f"{memory / 1e6:.0f}", files) for when, (memory, files) in zip(moments, usage, strict=True)]
        console.print(f"Soak:\n\n{outcomes(sent)}\n\n{table(('', 'MB resident', 'descriptors'), rows)}")

        with ThreadPoolExecutor() as executor:
            crowd = executor.submit(server.drive, BARE, OVERLOAD, overload_seconds + 2, refusals=True)
            time.sleep(1)  # until all of wrk's connections are open
            with clients(server, KINDS[:1], PROBES) as probes:
                time.sleep(overload_seconds)
            shed = crowd.result().refused
        answered = [each.milliseconds for each in probes if each.outcome == "right"]
        p50, p99 = np.percentile(answered or [np.nan], (50, 99))
        console.print(
            f"\nOverload, {OVERLOAD} connections: {shed:,} requests shed. Beside them {len(answered)} probes were"
            f" answered (p50 {p50:.0f} ms, p99 {p99:.0f} ms) and {sum(each.outcome == 'shed' for each in probes)} shed."
        )
        after = server.ask(BARE)
    faulty = [each for each in sent + probes if each.outcome in ("wrong", "failed")]
    for each in faulty[:20]:
        console.print(f"{each.kind}: {each.note}")
    (warm_memory, warm_files), (memory, files) = usage[1], usage[-1]
    faults = {
        "wrong answers or failed requests": faulty,
        "growth of memory": memory > warm_memory + GROWTH,
        "growth of descriptors": files > warm_files + CLIENTS,
        "nothing shed under overload": not shed,
        "nothing answered under overload": not answered,
        "a wrong answer afterwards": not BARE.is_right(after),
    }
    if any(faults.values()):
        raise SystemExit("Failed: " + ", ".join(name for name, fault in faults.items() if fault))


def outcomes(sent: Sequence[Sent]) -> str:
    """Make a table of the outcomes by kind of request."""
    columns = ("right", "shed", "left", "wrong", "failed")
    counted = Counter(each[:2] for each in sent) + Counter(("all", each.outcome) for each in sent)
    rows = []
    for kind in [*sorted({each.kind for each in sent}), "all"]:
        counts = [counted[kind, outcome] for outcome in columns]
        rows.append([kind, *(f"{count:,}" for count in (sum(counts), *counts))])
    return table(("request", "sent", *columns), rows)


@contextmanager
def clients(server: Server, kinds: Sequence[Kind], count: int) -> Iterator[list[Sent]]:
    """Run clients that send requests of these kinds during the block."""
    sent: list[Sent] = []
    stop = threading.Event()
    with ThreadPoolExecutor(count) as executor:
        running = [executor.submit(client, server, kinds, seed, sent, stop) for seed in range(count)]
        try:
            yield sent
        finally:
            stop.set()
    for each in running:
        each.result()


def client(server: Server, kinds: Sequence[Kind], seed: int, sent: list[Sent], stop: threading.Event) -> None:
    """Send one request after the other, on a persistent connection."""
    rng = random.Random(seed)
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=PATIENCE)
    while not stop.is_set():
        [kind] = rng.choices(kinds, [kind.weight for kind in kinds])
        start = time.perf_counter()
        try:
            outcome, note = ask(connection, kind)
        except (OSError, http.client.HTTPException) as error:
            outcome, note = "failed", repr(error)
            connection.close()
        sent.append(Sent(kind.load.name, outcome, note, (time.perf_counter() - start) * 1000))
        if outcome == "shed":
            time.sleep(0.05)  # much less than Retry-After
    connection.close()


def ask(connection: http.client.HTTPConnection, kind: Kind) -> tuple[str, str]:
    """Send a request in its manner; return the outcome, and a note if it was wrong."""
    load = kind.load
    headers = {**load.headers, "Content-Length": str(len(load.body))}
    if kind.manner == "leaving":
        connection.request("POST", load.path, load.body[:100], headers)
        connection.close()
        return "left", ""
    try:
        connection.request("POST", load.path, slowly(load.body) if kind.manner == "slow" else load.body, headers)
    except (BrokenPipeError, ConnectionResetError):
        if len(load.body) < 2**20:
            raise
        # The response to a too large body arrives before the end of the body.
        response = http.client.HTTPResponse(connection.sock or socket.socket(), method="POST")
        response.begin()
    else:
        response = connection.getresponse()
    content = response.read()
    if response.status == 503:
        return ("shed", "") if response.headers["Retry-After"] else ("wrong", "503 without Retry-After")
    if response.will_close:
        connection.close()
    if response.status == kind.status and (kind.status != 200 or load.is_right(content)):
        return "right", ""
    return "wrong", f"{response.status} {content[:200]!r}"


def slowly(body: bytes) -> Iterator[bytes]:
    """Send a body in four parts."""
    size = -(-len(body) // 4)
    for start in range(0, len(body), size):
        time.sleep(SLOW_SECONDS / 4)
        yield body[start : start + size]


if __name__ == "__main__":
    typer.run(main)
