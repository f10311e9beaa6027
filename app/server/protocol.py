"""One connection: HTTP/1.1 as it arrives."""

import asyncio
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from app.errors import HeadTooLarge, InvalidRequest, Problem
from app.middleware.observability import SECURITY_HEADERS, new_request_id
from app.problem_details import ProblemResponse, problem_document
from app.server.upgrade import read_on

HEAD_SECONDS = 10.0
"""How long the head of a request may take: clients send it in one piece. Who holds it back holds a descriptor."""

HEAD_BYTES = 64 * 1024
"""Of a head that comes in pieces: nobody needs so much. In one piece it may be as large as a read, 256 KB."""

MAX_PIPELINED = 16
"""Requests that wait on one connection. Hardly a client sends the next one before it has the answer to the last."""


class _OneWrite:
    """A transport that sends the head of an answer along with what follows it, where uvicorn sends two packets.

    It takes less time, and a worker that is killed leaves no head without its body, if that comes in one piece as all
    answers do: what has begun, no proxy can ask for again.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 100"):
            self._head += data
        else:
            self._transport.write(self._head + data)
            self._head = b""

    def flush(self) -> None:
        if self._head:
            self.write(b"")

    def close(self) -> None:
        self.flush()
        self._transport.close()


class Protocol(HttpToolsProtocol):
    """uvicorn's, with bounds on what comes while no request is in progress. Then `app.middleware.limits` takes over.

    uvicorn alone waits for ever for a head or for a body that comes after the answer, keeps as much of a head or of
    what follows a body as arrives, and queues as many requests as come before the first is answered.
    """

    _unseen = 0
    """Bytes that the parser has taken and not yet handed on"""
    _deadline: asyncio.TimerHandle | None = None
    _answering: RequestResponseCycle | None = None
    """Not always the last that came: others may wait in the pipeline."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._out = _OneWrite(transport)
        super().connection_made(cast("asyncio.Transport", self._out))
        self._watch()

    def data_received(self, data: bytes) -> None:
        self._unseen += len(data)
        self._unset_keepalive_if_required()
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self._refuse(
                InvalidRequest("This is not HTTP/1.1, or too many requests at once. Send it with an HTTP client.")
            )
        if self._unseen > HEAD_BYTES:
            self._refuse(HeadTooLarge(f"The head is larger than {HEAD_BYTES:,} bytes. Send fewer or shorter headers."))
        self._watch()

    def _parse(self, data: bytes) -> None:
        while True:
            try:
                return self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:  # whose argument says where the head ends
                self.parser, framing = read_on(self, self.headers)
                data = framing + data[offer.args[0] :]

    def _refuse(self, problem: Problem) -> None:
        """End a connection on which nothing sensible can follow; first say why, unless an answer has begun."""
        if self.transport.is_closing():
            return
        self.logger.warning(problem.detail)
        answering = self._answering
        if answering is None or answering.response_complete or not answering.response_started:
            date = [header for header in self.server_state.default_headers if header[0] == b"date"]
            self.transport.write(_answer(problem, date))
        self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def on_headers_complete(self) -> None:
        if len(self.pipeline) == MAX_PIPELINED:
            raise ValueError("Too many requests before the first was answered")  # ends as an invalid request
        self._unseen = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unseen = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():  # or so the client offers: its body is still to come
            return
        self._unseen = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._out.flush()  # the head of an answer without a body
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._watch()

    def _in_hand(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _watch(self) -> None:
        """Give whoever has brought bytes and no request a time to bring one."""
        if self.transport.is_closing() or self._in_hand():
            if self._deadline:
                self._deadline.cancel()
                self._deadline = None
        elif self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.close)


def _answer(problem: Problem, date: list[tuple[bytes, bytes]]) -> bytes:
    """A response to what is no request, and never gets as far as `app.problem_details`."""
    request_id = new_request_id()
    body = problem_document(problem, "/", request_id).model_dump_json().encode()
    headers = [
        *date,
        (b"content-type", ProblemResponse.media_type.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
        (b"x-request-id", request_id.encode()),
        *SECURITY_HEADERS,
    ]
    return STATUS_LINE[problem.status] + b"".join(b"%s: %s\r\n" % header for header in headers) + b"\r\n" + body
