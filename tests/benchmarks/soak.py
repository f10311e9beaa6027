"""A mix of everything for a long time, then four times what the service can take: `python -m tests.benchmarks.soak`.

Every answer is compared with the right one. The service has one core, its clients the others. The command ends with an
error if an answer was wrong, if a request failed, or if memory or descriptors grew.
"""

import http.client
import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image
from rich.console import Console
from rich.progress import Progress

from app.classifier.weights import DEFAULT_PATH, load
from app.preprocessing.explanation import explain
from tests.benchmarks.growth import drawing
from tests.benchmarks.load import PATIENCE, Load, Measured, Server, form, running, service
from tests.benchmarks.serving import BARE, BATCH, BINARY, DIGIT, FORM, PIXELS, PNG
from tests.conftest import encode

CLIENTS = 24
SLOW_SECONDS = 1.0
OVERLOAD = 400
"""Connections: four times the requests that the service takes at once (`max_in_flight`)."""

PROBES = 4
GROWTH = 40_000_000
"""Bytes from the end of the warm-up to the end of the soak: a photo and a large body may be in hand at one of them."""

WARM_UP = 0.1
"""Of the soak: until each kind of request has been seen many times."""

WHY = explain(load(DEFAULT_PATH).parameters, PIXELS, colors=True)

Check = Callable[[int, bytes], bool]


def by_answer(is_right: Callable[[Any], bool]) -> Check:
    """Whether the status is 200 and the JSON is right."""
    return lambda status, body: status == 200 and bool(is_right(json.loads(body)))


def by_status(expected: int) -> Check:
    return lambda status, _: status == expected


by_digit = by_answer(lambda answer: answer["digit"] == DIGIT and answer["confident"])


def is_batch(answer: Any) -> bool:
    """Whether the second of three is refused and the others are sevens."""
    first, second, third = answer["predictions"]
    good = [entry["prediction"] for entry in (first, third)]
    return all(each and each["digit"] == DIGIT for each in good) and second["problem"]["status"] == 415


def by_tensors(status: int, body: bytes) -> bool:
    """Whether all digits are sevens: they come after two probabilities for each image, and before a byte for each."""
    digits = np.frombuffer(body[-BATCH * 9 : -BATCH], "<i8") if status == 200 else np.zeros(BATCH)
    return len(digits) == BATCH and bool((digits == DIGIT).all())


@dataclass(frozen=True)
class Kind:
    """A kind of request, how often it comes, and what is right."""

    load: Load
    weight: int
    is_right: Check
    manner: str = "plain"
    """`slow` sends the body in pieces, `leaving` closes the connection in the middle of it"""


KINDS = (
    Kind(BARE, 40, by_digit),
    Kind(FORM, 20, by_digit),
    Kind(Load("drawing to fit", drawing("PNG", 280), path="/predict?fit=true"), 8, by_digit),
    Kind(Load("photo of 9 MP", drawing("JPEG", 3000), "image/jpeg", "/predict?fit=true"), 2, by_digit),
    Kind(form("files", [PNG, b"junk", PNG], "/predict/batch", "batch with junk"), 6, by_answer(is_batch)),
    Kind(BINARY, 4, by_tensors),
    Kind(Load("picture of why", PNG, path="/explain"), 4, lambda status, body: status == 200 and body == WHY),
    Kind(Load("junk", b"junk"), 4, by_status(415)),
    Kind(Load("cut off", PNG[:100]), 4, by_status(422)),
    Kind(Load("blank", encode(Image.new("L", (28, 28)))), 4, by_status(422)),
    Kind(Load("too large", bytes(13 * 2**20)), 1, by_status(413)),
    Kind(Load("no such path", b"", path="/nothing"), 2, by_status(404)),
    Kind(Load("slow", PNG), 1, by_digit, "slow"),
    Kind(Load("leaving", PNG), 2, by_digit, "leaving"),
)


@dataclass
class Tally:
    """What became of the requests of each kind."""

    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    milliseconds: list[float] = field(default_factory=list)
    """Of those that were answered rightly"""
    notes: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, outcome: str, milliseconds: float, note: str = "") -> None:
        """Take note of one."""
        with self.lock:
            self.outcomes.setdefault(name, Counter())[outcome] += 1
            if outcome == "right":
                self.milliseconds.append(milliseconds)
            if note and len(self.notes) < 20:
                self.notes.append(f"{name}: {note}")

    def total(self, outcome: str) -> int:
        """Of all kinds."""
        return sum(counted[outcome] for counted in self.outcomes.values())

    def percentile(self, share: float) -> float:
        """Of the milliseconds."""
        return float(np.percentile(self.milliseconds, share)) if self.milliseconds else float("nan")

    def table(self) -> str:
        """In Markdown."""
        columns = ("right", "shed", "left", "wrong", "failed")
        lines = [f"| request | sent | {' | '.join(columns)} |", "|---" * (len(columns) + 2) + "|"]
        rows = [*sorted(self.outcomes.items()), ("all", sum(self.outcomes.values(), Counter()))]
        for name, counted in rows:
            cells = [counted.total(), *(counted[column] for column in columns)]
            lines.append(f"| {name} | {' | '.join(f'{cell:,}' for cell in cells)} |")
        return "\n".join(lines)


def main(
    seconds: Annotated[float, typer.Option(min=1, help="Length of the soak.")] = 600,
    overload_seconds: Annotated[float, typer.Option(min=1, help="Length of the overload.")] = 30,
) -> None:
    """Soak, then overload."""
    console = Console(width=160)
    with running(service(), BARE) as server:
        tally, usage = soak(server, seconds)
        console.print("Soak:\n\n" + tally.table() + "\n\n" + table_of(usage))
        probes, shed = overload(server, overload_seconds)
        p50, p99 = probes.percentile(50), probes.percentile(99)
        answered, refused = probes.total("right"), probes.total("shed")
        console.print(
            f"\nOverload, {OVERLOAD} connections: {shed:,} requests shed. Beside them {answered} probes were answered"
            f" (p50 {p50:.0f} ms, p99 {p99:.0f} ms) and {refused} shed."
        )
        after = server.ask(BARE)
    for note in tally.notes + probes.notes:
        console.print(note)
    (_, warm_memory, warm_files), *_, (_, memory, files) = usage[1:]
    faults = {
        "wrong answers": tally.total("wrong") + probes.total("wrong"),
        "failed requests": tally.total("failed") + probes.total("failed"),
        "growth of memory": memory > warm_memory + GROWTH,
        "growth of descriptors": files > warm_files + CLIENTS,
        "nothing shed under overload": not shed,
        "nothing answered under overload": not probes.total("right"),
        "a wrong answer afterwards": after["digit"] != DIGIT,
    }
    if any(faults.values()):
        raise SystemExit("Not as it should be: " + ", ".join(name for name, fault in faults.items() if fault))


Usage = list[tuple[str, int, int]]
"""When, bytes resident, descriptors"""


def soak(server: Server, seconds: float) -> tuple[Tally, Usage]:
    """Send the mix for so many seconds."""
    tally, stop = Tally(), threading.Event()
    usage = [("start", server.memory(), server.process.num_fds())]
    clients = [threading.Thread(target=client, args=(server, KINDS, seed, tally, stop)) for seed in range(CLIENTS)]
    for thread in clients:
        thread.start()
    try:
        with Progress(console=Console(stderr=True)) as progress:
            task = progress.add_task("Soak", total=1.0)
            begin = time.monotonic()
            for share in (WARM_UP, 0.5, 1.0):
                while (done := (time.monotonic() - begin) / seconds) < share:
                    progress.update(task, completed=done)
                    time.sleep(0.2)
                usage.append((f"after {share:.0%}", server.memory(), server.process.num_fds()))
    finally:
        stop.set()
        for thread in clients:
            thread.join(PATIENCE)
    return tally, usage


def overload(server: Server, seconds: float) -> tuple[Tally, int]:
    """Let wrk ask at four times what the service takes at once: how a few clients beside it fare, how many are shed."""
    tally, stop = Tally(), threading.Event()
    found: list[Measured] = []
    crowd = threading.Thread(target=lambda: found.append(server.drive(BARE, OVERLOAD, seconds + 2, refusals=True)))
    probes = [threading.Thread(target=client, args=(server, KINDS[:1], seed, tally, stop)) for seed in range(PROBES)]
    crowd.start()
    time.sleep(1)  # until all of wrk's connections are open
    for thread in probes:
        thread.start()
    time.sleep(seconds)
    stop.set()
    for thread in [*probes, crowd]:
        thread.join(PATIENCE)
    return tally, found[0].refused


def client(server: Server, kinds: Sequence[Kind], seed: int, tally: Tally, stop: threading.Event) -> None:
    """Ask one question after the other, over one connection as long as it lasts."""
    rng = random.Random(seed)  # what is drawn is no secret
    address = server.url.removeprefix("http://")
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    weights = [kind.weight for kind in kinds]
    while not stop.is_set():
        [kind] = rng.choices(kinds, weights)
        start = time.perf_counter()
        note = ""
        try:
            outcome, note = ask(connection, kind)
        except (OSError, http.client.HTTPException) as error:
            outcome, note = "failed", repr(error)
            connection.close()
        tally.add(kind.load.name, outcome, (time.perf_counter() - start) * 1000, note)
        if outcome == "shed":
            time.sleep(0.05)  # far less than Retry-After asks for
    connection.close()


def ask(connection: http.client.HTTPConnection, kind: Kind) -> tuple[str, str]:
    """Send one request in its manner; what became of it, and a note if that was not right."""
    load = kind.load
    headers = {"Content-Type": load.content_type, **load.headers}
    if kind.manner == "leaving":
        connection.putrequest("POST", load.path)
        connection.putheader("Content-Length", str(len(load.body)))
        connection.endheaders(load.body[:100])
        connection.close()
        return "left", ""
    body: Any = slowly(load.body) if kind.manner == "slow" else load.body
    headers["Content-Length"] = str(len(load.body))
    try:
        connection.request("POST", load.path, body, headers)
    except (BrokenPipeError, ConnectionResetError):
        if len(load.body) < 2**20:
            raise
        # Of a body that is too large the service reads no more than it must, and its answer is there already.
        response = http.client.HTTPResponse(connection.sock or socket.socket(), method="POST")
        response.begin()
    else:
        response = connection.getresponse()
    content = response.read()
    if response.status == 503:
        return ("shed", "") if response.headers["Retry-After"] else ("wrong", "503 without Retry-After")
    if response.will_close:
        connection.close()
    if kind.is_right(response.status, content):
        return "right", ""
    return "wrong", f"{response.status} {content[:200]!r}"


def slowly(body: bytes) -> Iterator[bytes]:
    """In four pieces."""
    size = -(-len(body) // 4)
    for start in range(0, len(body), size):
        time.sleep(SLOW_SECONDS / 4)
        yield body[start : start + size]


def table_of(usage: Usage) -> str:
    """In Markdown."""
    lines = ["| | MB resident | descriptors |", "|---|---|---|"]
    return "\n".join(lines + [f"| {when} | {memory / 1e6:.0f} | {files} |" for when, memory, files in usage])


if __name__ == "__main__":
    typer.run(main)
