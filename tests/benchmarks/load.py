"""Load tests: a server on one core, wrk on another."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.request import Request, urlopen

import psutil

ROOT = Path(__file__).parents[2]
DIGIT = 7
"""Digit of all images."""

PATIENCE = 60
SERVER_CORE, CLIENT_CORE = (sorted(os.sched_getaffinity(0)) * 2)[:2]

DONE = """
done = function(summary, latency, requests)
  io.write("\\n", string.format(
    '{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "errors": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout
  ), "\\n")
end
"""


def by_digit(content: bytes) -> bool:
    answer = json.loads(content)
    return bool(answer["digit"] == DIGIT and answer["confident"])


@dataclass(frozen=True)
class Load:
    """A request to repeat."""

    name: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "image/png"})
    path: str = "/predict"
    images: int = 1
    """Number of images in a request."""
    is_right: Callable[[bytes], bool] = by_digit
    """Function that tells whether a response is right."""


class Measured(NamedTuple):
    """Results of a run of wrk."""

    images_a_second: float
    p50: float
    """Milliseconds"""
    p99: float
    """Milliseconds"""
    cpu: float
    """CPU time of the server for each request, in microseconds."""
    refused: int
    """Number of requests that failed or were refused."""


@dataclass
class Server:
    """A running server."""

    url: str
    process: psutil.Process
    start_seconds: float = 0

    def ask(self, load: Load) -> bytes:
        """Send a request, and return the body of the response."""
        with urlopen(Request(self.url + load.path, load.body, dict(load.headers)), timeout=PATIENCE) as response:
            return bytes(response.read())

    def drive(self, load: Load, connections: int, seconds: float, refusals: bool = False) -> Measured:
        """Repeat a request on several connections. Raises RuntimeError if one fails or is refused."""
        program = shutil.which("wrk")
        if program is None:
            raise FileNotFoundError("The benchmark needs wrk: `apt install wrk`, or https://github.com/wg/wrk")
        lines = ['wrk.method = "POST"', *(f'wrk.headers["{name}"] = "{value}"' for name, value in load.headers.items())]
        lines.append('wrk.body = "' + "".join(f"\\{byte:03d}" for byte in load.body) + '"')
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write("\n".join(lines) + DONE)
            script.flush()
            options = ["-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", script.name]
            command = ["taskset", "-c", str(CLIENT_CORE), program, *options, self.url + load.path]
            before = self.cpu_seconds()
            output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            spent = self.cpu_seconds() - before
        found = json.loads(output.splitlines()[-1])
        if found["errors"] and not refusals:
            raise RuntimeError(f"{found['errors']} of {found['requests']} requests failed.")
        rate = found["requests"] / found["seconds"] * load.images
        return Measured(rate, found["p50"], found["p99"], spent / found["requests"] * 1e6, found["errors"])

    def cpu_seconds(self) -> float:
        """Return the CPU time of all processes so far."""
        return sum(sum(process.cpu_times()[:2]) for process in self.processes())

    def memory(self) -> int:
        """Return the resident memory of all processes in bytes."""
        return sum(process.memory_info().rss for process in self.processes())

    def processes(self) -> list[psutil.Process]:
        """Return the server's process and its descendants."""
        return [self.process, *self.process.children(recursive=True)]


@contextmanager
def running(
    command: Sequence[str | Path], first: Load, cores: Sequence[int] = (SERVER_CORE,), checkout: Path = ROOT
) -> Iterator[Server]:
    """Start a command on some cores, with a free port for PORT, and wait for its first response.

    The command imports `app` and `tests` from the checkout.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(checkout)}
    pinned = ["taskset", "-c", ",".join(map(str, cores)), *(str(part).replace("PORT", port) for part in command)]
    with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryFile() as log:
        start = time.perf_counter()
        started = subprocess.Popen(pinned, cwd=empty, env=environment, stdout=log, stderr=log)
        server = Server(f"http://127.0.0.1:{port}", psutil.Process(started.pid))
        try:
            while not server.start_seconds:
                try:
                    server.ask(first)
                    server.start_seconds = time.perf_counter() - start
                except OSError as error:
                    if started.poll() is not None or time.perf_counter() > start + PATIENCE:
                        log.seek(0)
                        raise RuntimeError(f"{command} did not start: {log.read().decode()[-2000:]}") from error
                    time.sleep(0.01)
            yield server
        finally:
            if started.poll() is None:
                processes = server.processes()
                started.terminate()
                for alive in psutil.wait_procs(processes, timeout=10)[1]:
                    alive.kill()
                started.wait()


def service(python: str | Path = sys.executable) -> list[str]:
    """Return the command that starts the service."""
    return [str(python), "-m", "app", "--port", "PORT"]


def form(
    field_name: str, files: Sequence[bytes], path: str, name: str = "form", is_right: Callable[[bytes], bool] = by_digit
) -> Load:
    """Make a load that uploads files in a form field."""
    disposition = f'form-data; name="{field_name}"; filename="7.png"'
    head = f"--b\r\nContent-Disposition: {disposition}\r\nContent-Type: image/png\r\n\r\n"
    body = b"".join(head.encode() + file + b"\r\n" for file in files) + b"--b--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    return Load(name, body, headers, path, len(files), is_right)


def table(columns: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """Make a table in Markdown."""
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in [columns, ["---"] * len(columns), *rows])
