"""Speed of the service and of other servers with the same network: `python -m tests.benchmarks.serving`.

The server has one core and wrk another. The servers are measured in turns in one run, since machines drift. Before a
measurement, the response is checked. The baseline is the limit: a bare ASGI application with the same HTTP parser that
decodes, runs the network in shared passes and responds. Each server is installed in an environment of its own; the
first run makes those that are missing.
"""

import json
import statistics
import subprocess
import sys
import venv
from collections import defaultdict
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer
from PIL import Image
from rich.console import Console
from rich.progress import track

from tests.benchmarks.load import DIGIT, ROOT, Load, Measured, form, running, service, table

SAMPLE = ROOT / "app" / "static" / "samples" / "7.png"
PNG = SAMPLE.read_bytes()
PIXELS = np.asarray(Image.open(SAMPLE))
BATCH = 64
ENVIRONMENTS = Path.home() / ".cache" / "three-or-seven" / "benchmarks"
CONTESTANTS = "tests.benchmarks.contestants"
COMMON = ("numpy==2.4.6", "pillow==13.0.0", "safetensors==0.8.0")
UVICORN = ("uvicorn==0.54.0", "uvloop==0.23.0", "httptools==0.9.0")
MULTIPART = "python-multipart==0.0.34"

JSON_TENSOR = (
    b'{"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 28, 28], "data": %s}]}'
    % str(PIXELS.ravel().tolist()).encode()
)
BINARY_HEAD = (
    b'{"inputs": [{"name": "image", "datatype": "UINT8", "shape": [%d, 28, 28],'
    b' "parameters": {"binary_data_size": %d}}],'
    b' "parameters": {"binary_data_output": true}}' % (BATCH, BATCH * PIXELS.size)
)
INFER = "/v2/models/three-or-seven/infer"


def by_entries(content: bytes) -> bool:
    return all(entry["prediction"]["digit"] == DIGIT for entry in json.loads(content)["predictions"])


def by_tensor(content: bytes) -> bool:
    return [output["data"] for output in json.loads(content)["outputs"] if output["name"] == "digit"] == [[DIGIT]]


def by_binary_tensor(content: bytes) -> bool:
    """Skip the two probabilities of each image; a byte for each image follows the digits."""
    return bool((np.frombuffer(content[-BATCH * 9 : -BATCH], "<i8") == [DIGIT] * BATCH).all())


BARE = Load("bare body", PNG)
FORM = form("file", [PNG], "/predict")
FORM_BATCH = form("files", [PNG] * BATCH, "/predict/batch", f"batch of {BATCH}", by_entries)
BINARY = Load(
    f"binary tensor of {BATCH}",
    BINARY_HEAD + PIXELS.tobytes() * BATCH,
    {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(BINARY_HEAD))},
    INFER,
    BATCH,
    by_binary_tensor,
)
TENSOR = Load("JSON tensor", JSON_TENSOR, {"Content-Type": "application/json"}, INFER, is_right=by_tensor)


class Contestant(NamedTuple):
    """A server and its loads."""

    packages: Sequence[str]
    """Packages of its environment."""
    arguments: Sequence[str]
    loads: Sequence[Load] = (FORM,)


def module(name: str) -> list[str]:
    return ["-m", f"{CONTESTANTS}.{name}", "PORT"]


def uvicorn(name: str, *options: str) -> list[str]:
    return ["-m", "uvicorn", f"{CONTESTANTS}.{name}", "--port", "PORT", *options]


PARSERS = ("httptools", "h11")
LIMIT, PILLOW, OURS = (
    {parser: f"{name}, {parser}" for parser in PARSERS}
    for name in ("the limit", "the limit with Pillow", "this service")
)
PLAIN = "plain FastAPI"
PARSER = dict.fromkeys((LIMIT["h11"], PILLOW["h11"], OURS["h11"]), "h11")
"""HTTP parser of each server that does not use httptools."""
BENTO = ["-m", "bentoml", "serve", f"{CONTESTANTS}.bentoml_service:ThreeOrSeven", "--port", "PORT"]
CONTENDERS = {
    **{
        names[parser]: Contestant(
            (*COMMON, *UVICORN, "opencv-python-headless", "starlette", "pydantic"),
            uvicorn(f"limit:{application}", "--no-access-log", "--http", parser),
            [BARE],
        )
        for names, application in ((LIMIT, "app"), (PILLOW, "pillow"))
        for parser in PARSERS
    },
    **{
        OURS[parser]: Contestant([str(ROOT)], [*service()[1:], "--http", parser], [BARE, FORM, FORM_BATCH, BINARY])
        for parser in PARSERS
    },
    PLAIN: Contestant((*COMMON, *UVICORN, "fastapi==0.165.0", MULTIPART), uvicorn("plain_fastapi:app")),
    "LitServe": Contestant((*COMMON, "litserve==0.2.19", MULTIPART), module("litserve_server")),
    "BentoML": Contestant((*COMMON, "bentoml==1.4.40", "uvloop==0.23.0", "httptools==0.9.0"), BENTO),
    "MLServer": Contestant((*COMMON, "mlserver==1.7.1"), module("mlserver_server"), [TENSOR]),
}

Results = dict[tuple[str, str, int], list[Measured]]
"""Measurements by server, load and number of connections."""


def main(
    turns: Annotated[int, typer.Option(min=1, help="How often each is timed; the median counts.")] = 5,
    seconds: Annotated[float, typer.Option(min=1, help="Length of one measurement.")] = 3,
    connections: Annotated[list[int], typer.Option(help="May be given several times.")] = [1, 16, 64],  # noqa: B006
    here: Annotated[bool, typer.Option(help="Use this environment, and leave out what needs another.")] = False,
    save: Annotated[bool, typer.Option(help="Write serving.md and serving.png beside this file.")] = False,
) -> None:
    """Measure all contestants in turns."""
    names = [*LIMIT.values(), *PILLOW.values(), *OURS.values(), PLAIN] if here else list(CONTENDERS)
    pythons = {name: Path(sys.executable) if here else environment(name) for name in names}
    results: Results = defaultdict(list)
    servers: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for _, name in track(list(product(range(turns), names)), "Servers", console=Console(stderr=True)):
        _, arguments, loads = CONTENDERS[name]
        with running([pythons[name], *arguments], loads[0]) as server:
            for load in loads:
                if not load.is_right(answer := server.ask(load)):
                    raise RuntimeError(f"{name} answered {answer!r}, and the image shows a {DIGIT}.")
                for number in connections:
                    measured = server.drive(load, number, seconds, refusals=name not in OURS.values())
                    results[name, load.name, number].append(measured)
            servers[name].append((server.memory(), server.start_seconds))
    of_server = {}
    for name, runs in servers.items():
        memory, start = map(statistics.median, zip(*runs, strict=True))
        disk = "-" if here else f"{size(pythons[name].parents[1]) / 1e6:.0f}"
        of_server[name] = [f"{memory / 1e6:.0f}", f"{start:.2f}", disk]
    columns = ["server", "request", "connections", "images/s", "of the limit", "p50 ms", "p99 ms", "CPU µs a request"]
    columns += ["MB resident", "s to start", "MB on disk"]
    text = table(columns, ([*key, *figures(results, key), *of_server[key[0]]] for key in results))
    Console(width=200).print(text)
    if save:
        folder = Path(__file__).parent
        (folder / "serving.md").write_text(text + "\n")
        draw(results, sorted(connections)[len(connections) // 2], folder / "serving.png")


def figures(results: Results, key: tuple[str, str, int]) -> list[str]:
    """Compute medians over the turns, and of the ratios to the limit within a turn."""
    runs, limit = results[key], results[LIMIT[PARSER.get(key[0], PARSERS[0])], BARE.name, key[2]]
    rate, p50, p99, cpu, _ = (statistics.median(values) for values in zip(*runs, strict=True))
    ratio = statistics.median(a.images_a_second / b.images_a_second for a, b in zip(runs, limit, strict=True))
    return [f"{rate:,.0f}", f"{ratio:.2f}", f"{p50:.2f}", f"{p99:.2f}", f"{cpu:,.0f}"]


def draw(results: Results, connections: int, path: Path) -> None:
    """Draw a bar for each server and way to send an image."""
    from matplotlib import pyplot

    bars = {
        f"{server}, {name}": (statistics.median(run.images_a_second for run in runs), server)
        for (server, name, number), runs in results.items()
        if number == connections and str(BATCH) not in name
    }
    figure, axes = pyplot.subplots(figsize=(7, 0.38 * len(bars) + 0.9), layout="constrained")
    colors = dict.fromkeys([*LIMIT.values(), *PILLOW.values()], "#999999") | dict.fromkeys(OURS.values(), "#0072b2")
    rates, servers = zip(*bars.values(), strict=True)
    rows = axes.barh(list(bars), rates, color=[colors.get(server, "#d55e00") for server in servers])
    axes.bar_label(rows, fmt="{:,.0f}", padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.set_xlabel(f"images a second on one core, {connections} connections")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def environment(name: str) -> Path:
    """Return the Python of an environment with the contestant's packages, created if needed."""
    place = ENVIRONMENTS / name.partition(",")[0].replace(" ", "-")  # both parsers share it
    python = place / "bin" / "python"
    if not (place / "complete").exists():
        Console(stderr=True).print(f"Installing {name} in {place}")
        venv.create(place, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *CONTENDERS[name].packages], check=True)
        (place / "complete").touch()
    return python


def size(folder: Path) -> int:
    """Return the size of all packages but pip in bytes."""
    packages = next(folder.glob("lib/*/site-packages"))
    return sum(
        path.stat().st_size
        for path in packages.rglob("*")
        if path.is_file() and not path.relative_to(packages).parts[0].startswith("pip")
    )


if __name__ == "__main__":
    typer.run(main)
