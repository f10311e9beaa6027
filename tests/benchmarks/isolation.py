"""Time of small requests while another client sends large ones: `python -m tests.benchmarks.isolation`."""

import statistics
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated

import httpx2
import typer
from rich.console import Console
from rich.progress import track

from app.api.v2.codec import MAX_JSON_BYTES
from tests.benchmarks.growth import drawing
from tests.benchmarks.load import running, service, table
from tests.benchmarks.serving import BARE, INFER, PIXELS

PAUSE_SECONDS = 0.01


def tensor() -> bytes:
    """Make a JSON tensor of nearly the maximum size."""
    pixels = b",".join(b"%d" % level for level in PIXELS.ravel())
    count = MAX_JSON_BYTES // (len(pixels) + 1) - 1
    head = b'{"inputs": [{"name": "image", "datatype": "UINT8", "shape": [%d, 28, 28], "data": [' % count
    return head + b",".join([pixels] * count) + b"]}]}"


NEIGHBOURS: Mapping[str, tuple[str, bytes, str] | None] = {
    "nothing": None,
    "JSON tensors of 2 MiB": (INFER, tensor(), "application/json"),
    "PNGs of 49 megapixels": ("/predict?fit=true", drawing("PNG", 7000), "image/png"),
}


@contextmanager
def neighbour(url: str, request: tuple[str, bytes, str] | None) -> Iterator[list[int]]:
    """Send the request continuously, on a thread. Yield the status codes of the responses."""
    stop, answered = threading.Event(), list[int]()

    def send(path: str, body: bytes, kind: str) -> None:
        while not stop.is_set():
            response = httpx2.post(url + path, content=body, headers={"Content-Type": kind}, timeout=60)
            answered.append(response.raise_for_status().status_code)

    thread = threading.Thread(target=send, args=request or ())
    if request:
        thread.start()
    try:
        yield answered
    finally:
        stop.set()
        if request:
            thread.join()


def measure(url: str, seconds: float) -> dict[str, list[float]]:
    """Send small requests for a while; return the milliseconds of each, by path."""
    times: dict[str, list[float]] = {"/livez": [], "/predict": []}
    end = time.perf_counter() + seconds
    with httpx2.Client(base_url=url, timeout=60) as client:
        while time.perf_counter() < end:
            for path, found in times.items():
                start = time.perf_counter()
                (client.get(path) if path == "/livez" else client.post(path, content=BARE.body)).raise_for_status()
                found.append(1000 * (time.perf_counter() - start))
                time.sleep(PAUSE_SECONDS)
    return times


def main(seconds: Annotated[float, typer.Option(min=1, help="Length of one measurement.")] = 20) -> None:
    """Time /livez and /predict beside each kind of large request."""
    rows = []
    for name, request in track(NEIGHBOURS.items(), console=Console(stderr=True)):
        with running(service(), BARE) as server, neighbour(server.url, request) as answered:
            times = measure(server.url, seconds)
        for path, found in times.items():
            percentiles = statistics.quantiles(found, n=100)
            figures = [f"{value:.1f}" for value in (statistics.median(found), percentiles[98], max(found))]
            rows.append([name, f"{len(answered) / seconds:.1f}", path, len(found), *figures])
    columns = ["beside", "large requests a second", "path", "requests", "p50 ms", "p99 ms", "longest ms"]
    Console(width=200).print(table(columns, rows))


if __name__ == "__main__":
    typer.run(main)
