"""Growth of the cost of a request: `python -m tests.benchmarks.growth`.

The cost is measured for several numbers of connections and workers (which share the cores that the client leaves free),
sizes of an image that is fitted, and numbers of images in a batch.
"""

import os
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image
from rich.console import Console
from rich.progress import track

from tests.benchmarks.load import CLIENT_CORE, Load, form, running, service, table
from tests.benchmarks.serving import BARE, PIXELS, PNG
from tests.conftest import encode

CONNECTIONS = (1, 4, 16, 64, 400)
BATCHES = (1, 4, 16, 64)
SIDES = (28, 280, 1000, 2000, 4000)
FORMATS = ("PNG", "JPEG")

Series = dict[str, dict[int, list[float]]]


def main(
    turns: Annotated[int, typer.Option(min=1, help="How often each is timed; the median counts.")] = 3,
    seconds: Annotated[float, typer.Option(min=1, help="Length of one measurement.")] = 2,
    save: Annotated[bool, typer.Option(help="Write growth.md and growth.png beside this file.")] = False,
) -> None:
    """Measure the service at every size."""
    cores = sorted(os.sched_getaffinity(0))
    workers = sorted({1, max(1, len(cores) // 2), max(1, len(cores) - 1), len(cores)})
    rates, batches, fits = (defaultdict[str, dict[int, list[float]]](lambda: defaultdict(list)) for _ in range(3))
    for _ in track(range(turns), "Turns", console=Console(stderr=True)):
        for number in workers:
            own = [core for core in cores if core != CLIENT_CORE] if number < len(cores) else cores
            options = ["--workers", str(number), "--max-in-flight", str(CONNECTIONS[-1])]
            with running([*service(), *options], BARE, own) as server:
                for connections in CONNECTIONS:
                    measured = server.drive(BARE, connections, seconds)
                    rates[f"{number} workers"][connections].append(measured.images_a_second)
        with running(service(), BARE) as server:
            for count in BATCHES:
                measured = server.drive(form("files", [PNG] * count, "/predict/batch"), 4, seconds)
                batches["one core"][count].append(1e6 / measured.images_a_second)
            for kind in FORMATS:
                for side in SIDES:
                    load = Load("fit", drawing(kind, side), path="/predict?fit=true")
                    fits[kind][side].append(server.drive(load, 1, seconds).p50)
    parts: list[tuple[str, str, Series, str]] = [
        ("images/s by workers and connections", "connections", rates, ",.0f"),
        ("µs an image by images in a batch, 4 connections", "images in a batch", batches, ",.0f"),
        ("ms a request with fit=true by pixels along a side, 1 connection", "pixels along a side", fits, ",.1f"),
    ]
    tables = []
    for title, across, series, form_ in parts:
        rows = [[name, *(f"{statistics.median(x):{form_}}" for x in found.values())] for name, found in series.items()]
        tables.append(f"{title}:\n\n{table([across, *next(iter(series.values()))], rows)}")
    text = "\n\n".join(tables)
    Console(width=200).print(text)
    if save:
        folder = Path(__file__).parent
        (folder / "growth.md").write_text(text + "\n")
        draw([part[:3] for part in parts], folder / "growth.png")


def drawing(kind: str, side: int) -> bytes:
    """Draw a seven of a given width and height."""
    picture = Image.fromarray(PIXELS).resize((side, side), Image.Resampling.BICUBIC)
    return encode(picture.convert("RGB") if kind == "JPEG" else picture, kind)


def draw(parts: list[tuple[str, str, Series]], path: Path) -> None:
    """Draw a plot for each table."""
    from matplotlib import pyplot

    figure, plots = pyplot.subplots(1, len(parts), figsize=(11, 3.2), layout="constrained")
    for axes, (title, across, series) in zip(plots, parts, strict=True):
        for name, found in series.items():
            axes.plot(list(found), [statistics.median(values) for values in found.values()], marker="o", label=name)
        axes.set(xscale="log", title=title.split(",")[0], xlabel=across)
        axes.title.set_fontsize(9)
        axes.set_xticks(list(found), labels=map(str, found))
        axes.minorticks_off()
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False, fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


if __name__ == "__main__":
    typer.run(main)
