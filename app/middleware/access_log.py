"""The access log: one line of JSON for each request, on stdout."""

import asyncio
import os
from contextlib import suppress
from datetime import UTC, datetime

from pydantic_core import to_json

PIPE_BUF = 4096
"""Maximum number of bytes that Linux writes to a pipe in one piece. Lines up to this length do not mix."""


class AccessLog:
    """Collects log lines, and writes them together in the next iteration of the event loop, with the same time stamp.

    This needs one system call for each PIPE_BUF bytes. With `logging`, each line would take as long as the decoding
    of an image.
    """

    def __init__(self) -> None:
        self._lines: list[bytes] = []

    def write(self, **fields: str | float | None) -> None:
        """Add a line. It is ASCII with escapes, so that a path cannot break the line or control a terminal."""
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._flush)
        self._lines.append(to_json(fields, ensure_ascii=True))

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        stamp = f'{{"time":"{datetime.now(UTC).isoformat(timespec="milliseconds")}",'.encode()
        block = b""
        for line in lines:
            line = stamp + line[1:] + b"\n"
            if len(block) + len(line) > PIPE_BUF:
                _put(block)
                block = b""
            block += line
        _put(block)


def _put(data: bytes) -> None:
    with suppress(OSError):  # requests are answered even if the pipe is closed or the disk is full
        while data:
            data = data[os.write(1, data) :]
