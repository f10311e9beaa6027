"""What is known of every request afterwards: its id, a line in the log, its part in the metrics."""

import asyncio
import os
import re
import time
from contextlib import suppress
from datetime import UTC, datetime
from logging import getLogger
from random import randbytes

from pydantic_core import to_json
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.metrics import Metrics
from app.problem_details import refuse

SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
"""A caller's id is taken over if it fits in a log line and a header without quoting."""

PIPE_BUF = 4096
"""Bytes that Linux writes to a pipe as a whole."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Others are counted together: whoever makes methods up must not fill the memory with their figures."""

SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
"""For browsers. Pages have a content security policy of their own, and it stays."""

logger = getLogger("uvicorn.error")


class Observability:
    """Gives every request an id, the caller's X-Request-ID if it is sane, and takes note of what became of it.

    It is the outermost layer: a fault in any other ends here, as a problem for the client and a trace in the log.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, access_log: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._access_log = AccessLog() if access_log else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        start = time.perf_counter()
        wanted = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
        request_id = wanted if SANE_REQUEST_ID.fullmatch(wanted) else new_request_id()
        scope.setdefault("state", {})["request_id"] = request_id
        status, complete, answered = 0, False, 0.0

        async def send_observed(message: Message) -> None:
            nonlocal status, complete, answered
            if message["type"] == "http.response.start":
                status = message["status"]
                own = dict(message["headers"])
                added = [header for header in SECURITY_HEADERS if header[0] not in own]
                message["headers"] = [*message["headers"], *added, (b"x-request-id", request_id.encode())]
            else:
                complete = not message.get("more_body", False)
            if not complete or message.get("body"):  # the empty end of an answer may be held back
                answered = time.perf_counter()
            await send(message)

        self._metrics.in_flight.inc()
        try:
            await self._app(scope, receive, send_observed)
        except Exception as error:
            logger.exception("Request %s failed", request_id)
            if not status:
                await refuse(error, scope, receive, send_observed)
            elif not complete:  # the connection must end, or the client would wait for the rest
                raise
        finally:
            self._metrics.in_flight.dec()
            self._note(scope, request_id, status, (answered or time.perf_counter()) - start)

    def _note(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else "other"
        route = getattr(scope.get("route"), "path", "none")
        self._metrics.request(method, route, status).observe(seconds)
        if self._access_log:
            client = scope.get("client")
            self._access_log.write(
                request_id=request_id,
                client=client[0] if client else None,
                method=scope["method"],
                path=scope["path"],
                status=status,
                milliseconds=round(seconds * 1000, 3),
            )


def new_request_id() -> str:
    """An id for a request that brought none."""
    return randbytes(16).hex()  # noqa: S311  # no secret


class AccessLog:
    """A line of JSON for each request, on stdout. For one event loop.

    The lines of one turn of the loop are written together and say when that was: with `logging`, one after the other,
    they would take as long as decoding the images.
    """

    def __init__(self) -> None:
        self._lines: list[bytes] = []

    def write(self, **fields: str | float | None) -> None:
        """Add a line. It is ASCII, so that a path can neither break it nor speak to a terminal."""
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
    """Write to stdout, in which up to PIPE_BUF bytes stay together although several workers write."""
    with suppress(OSError):  # nobody reads it, or the disk is full: no reason to refuse a request
        while data:
            data = data[os.write(1, data) :]
