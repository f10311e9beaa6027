"""Running the service in another process, on a real socket."""

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
        """Open a connection, for requests that HTTP clients do not send."""
        host, port = self.url.removeprefix("http://").split(":")
        return socket.create_connection((host, int(port)), timeout)

    def exchange(self, request: bytes) -> bytes:
        """Send bytes, and read until the server closes the connection."""
        with self.connect() as connection:
            connection.sendall(request)
            return until_closed(connection)

    def peak_memory(self) -> int:
        """Return the peak of the resident memory in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024

    def stop(self) -> int:
        """Send SIGTERM, and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=START_SECONDS)


@contextmanager
def serve(
    *arguments: str,
    program: Sequence[str] = ("-m", "app"),
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run `python -m app`, or another Python program, on a free port during the block."""
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
        reader.start()  # otherwise a full pipe would block the service
        yield Server(address, process, log)
    finally:
        process.send_signal(signal.SIGINT)  # shuts down without a drain
        process.wait(timeout=START_SECONDS)
        if address:
            reader.join()
        process.stdout.close()


def until(condition: Callable[[], object]) -> None:
    """Wait until a condition is true."""
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def until_listening(address: str) -> None:
    """Wait until the server listens. With several workers the address is logged earlier."""
    host, port = address.removeprefix("http://").split(":")
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return socket.create_connection((host, int(port))).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def until_closed(connection: socket.socket) -> bytes:
    """Receive until the server closes the connection."""
    answer = b""
    while part := connection.recv(65_536):
        answer += part
    return answer
