"""How long a small request takes beside a client that sends large ones: `python -m tests.benchmarks.isolation`."""

import io
import statistics
import threading
import time
from collections.abc import Mapping
from typing import Annotated

import httpx2
import typer
from PIL import Image
from rich.console import Console
from rich.progress import track

from tests.benchmarks.load import running, service, table
from tests.benchmarks.serving import BARE, INFER, PIXELS

PAUSE_SECONDS = 0.01
BODY_BYTES = 12 * 1024 * 1024
"""The largest body that the service accepts by default"""
SIDE = 7000
"""Of a PNG of 49 megapixels"""


def tensor() -> bytes:
    """Make a JSON tensor of nearly the largest size."""
    pixels = b",".join(b"%d" % level for level in PIXELS.ravel())
    count = BODY_BYTES // (len(pixels) + 1) - 1
    head = b'{"inputs": [{"name": "image", "datatype": "UINT8", "shape": [%d, 28, 28], "data": [' % count
    return head + b",".join([pixels] * count) + b"]}]}"


def photo() -> bytes:
    """Make a large PNG."""
    file = io.BytesIO()
    Image.fromarray(255 - PIXELS).resize((SIDE, SIDE)).save(file, "PNG")
    return file.getvalue()


NEIGHBOURS: Mapping[str, tuple[str, bytes, str] | None] = {
    "nothing": None,
    "JSON tensors of 12 MB": (INFER, tensor(), "application/json"),
    "PNGs of 49 megapixels": ("/predict?fit=true", photo(), "image/png"),
}


def main(seconds: Annotated[float, typer.Option(min=1, help="Length of one measurement.")] = 20) -> None:
    """Time /livez and /predict beside each kind of large request."""
    rows = []
    for name, request in track(NEIGHBOURS.items(), console=Console(stderr=True)):
        with running(service(), BARE) as server, httpx2.Client(base_url=server.url, timeout=60) as client:
            stop, answered = threading.Event(), [0]

            def send(request: tuple[str, bytes, str] | None = request, url: str = server.url) -> None:
                if request:
                    path, body, kind = request
                    while not stop.is_set():
                        httpx2.post(
                            url + path, content=body, headers={"Content-Type": kind}, timeout=60
                        ).raise_for_status()
                        answered[0] += 1

            neighbour = threading.Thread(target=send)
            neighbour.start()
            times: dict[str, list[float]] = {"/livez": [], "/predict": []}
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                for path, found in times.items():
                    start = time.perf_counter()
                    (client.get(path) if path == "/livez" else client.post(path, content=BARE.body)).raise_for_status()
                    found.append(1000 * (time.perf_counter() - start))
                    time.sleep(PAUSE_SECONDS)
            stop.set()
            neighbour.join()
        for path, found in times.items():
            percentiles = statistics.quantiles(found, n=100)
            figures = [f"{value:.1f}" for value in (statistics.median(found), percentiles[98], max(found))]
            rows.append([name, f"{answered[0] / seconds:.1f}", path, len(found), *figures])
    columns = ["beside", "large requests a second", "path", "requests", "p50 ms", "p99 ms", "longest ms"]
    Console(width=200).print(table(columns, rows))


if __name__ == "__main__":
    typer.run(main)
