"""The service as users run it: another process, a real socket."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 60


@dataclass
class Server:
    """A running service."""

    url: str
    process: subprocess.Popen[str]
    log: list[str]

    def connect(self, timeout: float = 30) -> socket.socket:
        """A connection, for what no HTTP client would send."""
        host, port = self.url.removeprefix("http://").split(":")
        return socket.create_connection((host, int(port)), timeout)

    def exchange(self, request: bytes) -> bytes:
        """Send a request byte for byte, and read until the server closes the connection."""
        with self.connect() as connection:
            connection.sendall(request)
            return until_closed(connection)

    def peak_memory(self) -> int:
        """Bytes that were resident at most."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024

    def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=START_SECONDS)


@contextmanager
def serve(
    *arguments: str,
    program: Sequence[str] = ("-m", "app"),
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run `python -m app`, or another program of Python's, on a free port until the block ends."""
    command = [sys.executable, *program, "--port", "0", *arguments]
    process = subprocess.Popen(
        command,
        cwd=directory,
        env=os.environ | dict(environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    log: list[str] = []
    address: str | None = None
    impatience = threading.Timer(START_SECONDS, process.kill)
    impatience.start()
    try:
        for line in process.stdout:
            log.append(line)
            if found := re.search(r"running on (http://\S+)", line):
                address = found[1]
                break
        impatience.cancel()
        assert address, f"{command} did not start:\n{''.join(log)}"
        until_listening(address)
        reader = threading.Thread(target=log.extend, args=[process.stdout])
        reader.start()  # or a full pipe would stop the service
        yield Server(address, process, log)
    finally:
        process.send_signal(signal.SIGINT)  # as SIGTERM, but without `drain_seconds`
        process.wait(timeout=START_SECONDS)
        if address:
            reader.join()
        process.stdout.close()


def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def until_listening(address: str) -> None:
    """With several workers the address is logged before the first of them listens."""
    host, port = address.removeprefix("http://").split(":")
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return socket.create_connection((host, int(port))).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def until_closed(connection: socket.socket) -> bytes:
    """All that comes until the server ends the connection."""
    answer = b""
    while part := connection.recv(65_536):
        answer += part
    return answer
