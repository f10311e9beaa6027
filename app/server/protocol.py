"""HTTP/1.1 connections: uvicorn's h11 protocol with a deadline while no request is in progress."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

FIRST_REQUEST_SECONDS = 1.0
"""Maximum time that a new connection has to send its first request when the server stops."""


class Protocol(H11Protocol):
    """Closes a connection on which no request is in progress for `header_timeout_seconds`.

    That is a silent connection, a request head that arrives too slowly, or a body that still arrives after the
    response to it. uvicorn alone bounds idle connections between requests only. A request in progress is bounded by
    `app.middleware.limits`.
    """

    _deadline: asyncio.TimerHandle | None = None

    def __init__(self, header_timeout_seconds: float, **options: Any) -> None:
        super().__init__(**options)
        self._timeout = header_timeout_seconds

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._update_deadline()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._update_deadline()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._update_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._update_deadline()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, unless a response has begun already: then the connection is closed."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()

    def shutdown(self) -> None:
        """Stop after the request in progress; a connection that was accepted last may still send its first one."""
        if self.cycle is None and not self.transport.is_closing():
            self.loop.call_later(FIRST_REQUEST_SECONDS, self._close_if_idle)
        else:
            super().shutdown()

    def _close_if_idle(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()

    def _update_deadline(self) -> None:
        if self.transport.is_closing() or (self.cycle is not None and not self.cycle.response_complete):
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self._timeout, self.transport.close)
