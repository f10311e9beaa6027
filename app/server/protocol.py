"""HTTP/1.1 connections: uvicorn's h11 protocol, which closes those without a request in progress for too long."""

import asyncio
import sys
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class Protocol(H11Protocol):
    """Closes a connection after `header_timeout_seconds` without a request in progress.

    The client may be idle, slow to send a request head, or still sending the body of a request that was answered.
    """

    def __init__(self, header_timeout_seconds: float, **options: Any) -> None:
        super().__init__(**options)
        self._timeout = header_timeout_seconds

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._deadline = self.loop.call_later(self._timeout, self._close_if_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._deadline.cancel()

    def on_response_complete(self) -> None:
        self._deadline.cancel()
        self._deadline = self.loop.call_later(self._timeout, self._close_if_idle)
        super().on_response_complete()

    def _close_if_idle(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Answer invalid HTTP with the parser's reason, or close the connection if a response has begun."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return self.transport.close()
        error = sys.exception()  # uvicorn calls this method while it handles the parser's error
        if isinstance(error, h11.RemoteProtocolError):
            too_large = error.error_status_hint == 431
            advice = "The request head is too large. Send at most 16 KiB."
            msg = advice if too_large else f"Invalid HTTP request: {error}."
        super().send_400_response(msg)

    def shutdown(self) -> None:
        """Close the connection: at once if it is idle, or else after the response in progress.

        If no request has arrived on it yet, wait for a second first, since one may be on its way.
        """
        self.loop.call_later(1 if self.cycle is None else 0, super().shutdown)
