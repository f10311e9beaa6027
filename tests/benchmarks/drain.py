"""Number of requests lost in a shutdown: `python -m tests.benchmarks.drain`.

Busy clients send requests all the time, on connections that are kept alive or on a new one each, and SIGTERM stops
the service. A request is lost if it was sent and not answered; a refused connection ends its client.
"""

import signal
import time
from itertools import product

import typer

from tests.clients import Clients
from tests.serving import serve

RUNS = 10
CLIENTS = 8


def run(http: str, workers: int, keep_alive: bool) -> tuple[int, int, int]:
    """Stop the service under load; return requests lost, requests sent and the exit code."""
    with serve("--workers", str(workers), "--http", http, "--no-access-log") as server:
        clients = Clients(server.url, CLIENTS, keep_alive)
        with clients.running():
            time.sleep(1)
            server.process.send_signal(signal.SIGTERM)
            clients.join()
        sent = clients.outcomes.total()
        return sent - clients.outcomes["200"], sent, server.process.wait(60)


def main() -> None:
    typer.echo("| parser | workers | connections | lost | sent | exit codes |\n|---|---|---|---|---|---|")
    for http, workers, keep_alive in product(("h11", "httptools"), (1, 2), (True, False)):
        lost, sent, codes = zip(*(run(http, workers, keep_alive) for _ in range(RUNS)), strict=True)
        kind = "kept alive" if keep_alive else "new"
        typer.echo(f"| {http} | {workers} | {kind} | {sum(lost)} | {sum(sent)} | {sorted(set(codes))} |")


if __name__ == "__main__":
    typer.run(main)
