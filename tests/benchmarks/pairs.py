"""Compare the service of two checkouts: `python -m tests.benchmarks.pairs BEFORE AFTER`.

Both services run on one core and are driven in turns, so that a slow minute of a shared machine affects both. The ratio
is the median over the turns of the ratios within a turn. Both checkouts use this environment.
"""

import statistics
from collections import defaultdict
from itertools import product
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from tests.benchmarks.load import Measured, running, service, table
from tests.benchmarks.serving import BARE, BINARY, FORM, FORM_BATCH, PARSERS, TENSOR

LOADS = {load.name: load for load in (BARE, FORM, FORM_BATCH, TENSOR, BINARY)}


def main(
    before: Annotated[Path, typer.Argument(help="Folder of the earlier checkout.")],
    after: Annotated[Path, typer.Argument(help="Folder of the later checkout.")],
    turns: Annotated[int, typer.Option(min=1, help="How often each is timed; the median counts.")] = 5,
    seconds: Annotated[float, typer.Option(min=1, help="Length of one measurement.")] = 2,
    connections: Annotated[int, typer.Option(min=1, help="Number of connections.")] = 16,
    load: Annotated[list[str], typer.Option(help=f"Any of: {', '.join(LOADS)}.")] = [BARE.name, FORM.name],  # noqa: B006
) -> None:
    """Measure both checkouts in turns, with both HTTP parsers."""
    measured: dict[tuple[str, str, Path], list[Measured]] = defaultdict(list)
    for parser in PARSERS:
        command = [*service(), "--http", parser]
        with (
            running(command, BARE, checkout=before.resolve()) as earlier,
            running(command, BARE, checkout=after.resolve()) as later,
        ):
            servers = [(before, earlier), (after, later)]
            for turn, name in track(list(product(range(turns), load)), parser, console=Console(stderr=True)):
                for checkout, server in servers if turn % 2 else reversed(servers):
                    measured[parser, name, checkout].append(server.drive(LOADS[name], connections, seconds))
    rows = []
    for parser, name in product(PARSERS, load):
        runs = [[run.images_a_second for run in measured[parser, name, checkout]] for checkout in (before, after)]
        rates, ratios = map(statistics.median, runs), [b / a for a, b in zip(*runs, strict=True)]
        figures = [f"{rate:,.0f}" for rate in rates] + [f"{statistics.median(ratios):.3f}"]
        rows.append([parser, name, *figures, f"{min(ratios):.3f} to {max(ratios):.3f}"])
    columns = ["parser", "request", "images/s before", "after", "ratio", "in each turn"]
    Console(width=200).print(table(columns, rows))


if __name__ == "__main__":
    typer.run(main)
