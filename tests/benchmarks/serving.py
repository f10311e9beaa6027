"""How fast the service is, and others that serve the same network: `python -m tests.benchmarks.serving`.

Each server has one core and wrk another. They are measured in turns in one run, since machines drift, and each must
answer rightly before it is timed. The yardstick is the limit: a bare ASGI application that decodes, runs the network
and answers. Each server is installed in an environment of its own, of which the first run makes the missing ones.
"""

import statistics
import subprocess
import sys
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image
from rich.console import Console
from rich.progress import Progress

from tests.benchmarks.load import ROOT, Load, Measured, Server, form, running, service

SAMPLE = ROOT / "app" / "static" / "samples" / "7.png"
DIGIT = 7
PNG = SAMPLE.read_bytes()
PIXELS = np.asarray(Image.open(SAMPLE))
BATCH = 64
ENVIRONMENTS = Path.home() / ".cache" / "three-or-seven" / "benchmarks"
CONTESTANTS = "tests.benchmarks.contestants"
COMMON = ("numpy==2.4.6", "pillow==13.0.0", "safetensors==0.8.0")
UVICORN = ("uvicorn==0.54.0", "uvloop==0.23.0", "httptools==0.9.0")

JSON_TENSOR = (
    b'{"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 28, 28], "data": %s}]}'
    % str(PIXELS.ravel().tolist()).encode()
)
BINARY_HEAD = (
    b'{"inputs": [{"name": "image", "datatype": "UINT8", "shape": [%d, 28, 28],'
    b' "parameters": {"binary_data_size": %d}}],'
    b' "parameters": {"binary_data_output": true}}' % (BATCH, BATCH * PIXELS.size)
)
BARE = Load("bare body", PNG)
FORM = form("file", [PNG], "/predict")
INFER = "/v2/models/three-or-seven/infer"


BINARY = Load(
    f"binary tensor of {BATCH}",
    BINARY_HEAD + PIXELS.tobytes() * BATCH,
    "application/octet-stream",
    INFER,
    {"Inference-Header-Content-Length": str(len(BINARY_HEAD))},
    BATCH,
)


def by_digit(answer: Any) -> bool:
    return bool(answer["digit"] == DIGIT)


def by_batch(answer: Any) -> bool:
    return all(by_digit(entry["prediction"]) for entry in answer["predictions"])


def by_tensor(answer: Any) -> bool:
    return [output["data"] for output in answer["outputs"] if output["name"] == "digit"] == [[DIGIT]]


def by_shape(answer: Any) -> bool:
    """Whether a binary inference has an answer for each image."""
    return all(output["shape"][0] == BATCH for output in answer["outputs"])


Loads = Sequence[tuple[Load, Callable[[Any], bool]]]


@dataclass(frozen=True)
class Contestant:
    """A server and what is asked of it."""

    name: str
    packages: Sequence[str]
    arguments: Sequence[str]
    """Of its Python"""
    loads: Loads


LIMIT, OURS, PLAIN = "the limit", "this service", "plain FastAPI"

CONTENDERS = (
    Contestant(
        LIMIT,
        (*COMMON, *UVICORN, "starlette", "pydantic"),
        ("-m", "uvicorn", f"{CONTESTANTS}.limit:app", "--port", "PORT", "--no-access-log"),
        [(BARE, by_digit)],
    ),
    Contestant(
        OURS,
        (str(ROOT),),
        service()[1:],
        [
            (BARE, by_digit),
            (FORM, by_digit),
            (form("files", [PNG] * BATCH, "/predict/batch", f"batch of {BATCH}"), by_batch),
            (BINARY, by_shape),
        ],
    ),
    Contestant(
        PLAIN,
        (*COMMON, *UVICORN, "fastapi==0.165.0", "python-multipart==0.0.34"),
        ("-m", "uvicorn", f"{CONTESTANTS}.plain_fastapi:app", "--port", "PORT"),
        [(FORM, by_digit)],
    ),
    Contestant(
        "LitServe",
        (*COMMON, "litserve==0.2.19", "python-multipart==0.0.34"),
        ("-m", f"{CONTESTANTS}.litserve_server", "PORT"),
        [(FORM, by_digit)],
    ),
    Contestant(
        "BentoML",
        (*COMMON, "bentoml==1.4.39", "uvloop==0.23.0", "httptools==0.9.0"),
        ("-m", "bentoml", "serve", f"{CONTESTANTS}.bentoml_service:ThreeOrSeven", "--port", "PORT"),
        [(FORM, by_digit)],
    ),
    Contestant(
        "MLServer",
        (*COMMON, "mlserver==1.7.1"),
        ("-m", f"{CONTESTANTS}.mlserver_server", "PORT"),
        [(Load("JSON tensor", JSON_TENSOR, "application/json", INFER), by_tensor)],
    ),
)


def main(
    turns: Annotated[int, typer.Option(min=1, help="How often each is timed; the median counts.")] = 5,
    seconds: Annotated[float, typer.Option(min=1, help="Length of one measurement.")] = 3,
    connections: Annotated[list[int], typer.Option(help="May be given several times.")] = [1, 16, 64],  # noqa: B006
    environments: Annotated[Path, typer.Option(help="Folder with an environment for each server.")] = ENVIRONMENTS,
    here: Annotated[bool, typer.Option(help="Use this environment, and leave out what needs another.")] = False,
    save: Annotated[bool, typer.Option(help="Write serving.md and serving.png beside this file.")] = False,
) -> None:
    """Time all contestants in turns."""
    contenders = [contender for contender in CONTENDERS if not here or contender.name in (LIMIT, OURS, PLAIN)]
    pythons = {c.name: Path(sys.executable) if here else environment(environments, c) for c in contenders}
    results = Results(connections)
    total = turns * len(connections) * sum(len(contender.loads) for contender in contenders)
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=total)
        for turn in range(turns):
            for contender in contenders:
                progress.update(task, description=f"turn {turn + 1}: {contender.name}")
                command: list[str | Path] = [pythons[contender.name], *contender.arguments]
                with running(command, contender.loads[0][0]) as server:
                    for load, is_right in contender.loads:
                        check(contender.name, server, load, is_right)
                        for number in connections:
                            measured = server.drive(load, number, seconds, refusals=contender.name != OURS)
                            results.add((contender.name, load.name), number, measured)
                            progress.advance(task)
                    results.starts.setdefault(contender.name, []).append(server.start_seconds)
                    results.memory.setdefault(contender.name, []).append(server.memory())
    sizes = {name: None if here else size(python.parents[1]) for name, python in pythons.items()}
    text = results.table(sizes)
    Console(width=200).print(text)
    if save:
        folder = Path(__file__).parent
        (folder / "serving.md").write_text(text + "\n")
        results.draw(folder / "serving.png")


class Results:
    """What was measured, by server and load, and by number of connections."""

    def __init__(self, connections: Sequence[int]) -> None:
        self._connections = connections
        self._measured: dict[tuple[str, str], dict[int, list[Measured]]] = {}
        self.starts: dict[str, list[float]] = {}
        self.memory: dict[str, list[int]] = {}

    def add(self, key: tuple[str, str], connections: int, measured: Measured) -> None:
        """Note one run."""
        self._measured.setdefault(key, {}).setdefault(connections, []).append(measured)

    def ratio(self, key: tuple[str, str], connections: int) -> float:
        """Of the images a second to the limit's, the median over the turns."""
        limit = self._measured[LIMIT, "bare body"][connections]
        pairs = zip(self._measured[key][connections], limit, strict=True)
        return statistics.median(ours.images_a_second / theirs.images_a_second for ours, theirs in pairs)

    def table(self, sizes: dict[str, int | None]) -> str:
        """Everything, in Markdown."""
        lines = [
            "| server | request | connections | images/s | of the limit | p50 ms | p99 ms | CPU µs a request |"
            " MB resident | s to start | MB on disk |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
        ]
        for (server, name), by_connections in self._measured.items():
            for connections, runs in by_connections.items():
                figures = ("images_a_second", "p50", "p99", "cpu")
                rate, p50, p99, cpu = (statistics.median(getattr(run, figure) for run in runs) for figure in figures)
                size, memory, start = sizes[server], self.memory[server], self.starts[server]
                cells = [server, name, connections, f"{rate:,.0f}", f"{self.ratio((server, name), connections):.2f}"]
                cells += [f"{p50:.2f}", f"{p99:.2f}", f"{cpu:,.0f}", f"{statistics.median(memory) / 1e6:.0f}"]
                cells += [f"{statistics.median(start):.2f}", "-" if size is None else f"{size / 1e6:.0f}"]
                lines.append(f"| {' | '.join(map(str, cells))} |")
        return "\n".join(lines)

    def draw(self, path: Path) -> None:
        """One bar for each server and way to send one image, at the middle number of connections."""
        from matplotlib import pyplot

        connections = sorted(self._connections)[len(self._connections) // 2]
        bars = {
            f"{server}, {name}": (statistics.median(m.images_a_second for m in runs[connections]), server)
            for (server, name), runs in self._measured.items()
            if str(BATCH) not in name
        }
        figure, axes = pyplot.subplots(figsize=(7, 0.38 * len(bars) + 0.9), layout="constrained")
        colors = {LIMIT: "#999999", OURS: "#0072b2"}
        rows = axes.barh(list(bars), [rate for rate, _ in bars.values()])
        for row, (_, server) in zip(rows, bars.values(), strict=True):
            row.set_color(colors.get(server, "#d55e00"))
        axes.bar_label(rows, fmt="{:,.0f}", padding=3)
        axes.invert_yaxis()
        axes.margins(x=0.1)
        axes.set_xlabel(f"images a second on one core, {connections} connections")
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(path, dpi=120)
        pyplot.close(figure)


def check(name: str, server: Server, load: Load, is_right: Callable[[Any], bool]) -> None:
    """End the run if a server does not answer rightly: what is wrong may well be fast."""
    answer = server.ask(load)
    if not is_right(answer):
        raise RuntimeError(f"{name} answered {answer}, and the image shows a {DIGIT}.")


def environment(folder: Path, contender: Contestant) -> Path:
    """The Python of an environment with the contender's packages, made if there is none."""
    place = folder / contender.name.replace(" ", "-")
    python = place / "bin" / "python"
    if not (place / "complete").exists():
        Console(stderr=True).print(f"Installing {contender.name} in {place}")
        venv.create(place, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *contender.packages], check=True)
        (place / "complete").touch()
    return python


def size(folder: Path) -> int:
    """Bytes of all packages but pip in an environment."""
    packages = next(folder.glob("lib/*/site-packages"))
    return sum(
        path.stat().st_size
        for path in packages.rglob("*")
        if path.is_file() and not path.relative_to(packages).parts[0].startswith("pip")
    )


if __name__ == "__main__":
    typer.run(main)
