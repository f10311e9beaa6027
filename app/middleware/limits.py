"""Limits on requests. They apply before or while a body is collected, and before it is parsed."""

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import BodyTimeout, BodyTooLarge, Overloaded
from app.problem_details import refuse

SMALL_BODY_BYTES = 64 * 1024
"""Maximum size of a body that is read even if other bodies fill the memory."""

LARGEST_BODIES = 8
"""Total size of the bodies in memory above which only small ones are read, in multiples of `max_body_bytes`."""

REFUSAL_SECONDS = 0.2
"""Delay before a refusal for too many requests in flight. It slows down clients that retry at once."""

EXPIRED = "the body's deadline has expired"
"""Message of the cancellation of a request whose body is too slow."""


class Limits:
    """Refuses requests if too many are in flight, and bodies that are too large, too slow or too many in memory.

    A body whose Content-Length is too large is refused before it is read, a chunked one as soon as it exceeds the
    limit. The server discards what still arrives. Requests to the `exempt` routes are not refused for their number.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_body_bytes: int,
        body_timeout_seconds: float,
        max_in_flight: int,
        exempt: Sequence[BaseRoute] = (),
    ) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._body_timeout_seconds = body_timeout_seconds
        self._max_in_flight = max_in_flight
        self._exempt = exempt
        self._in_flight = 0
        self._bytes_in_memory = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        if self._in_flight >= self._max_in_flight and not self._is_exempt(scope):
            await asyncio.sleep(REFUSAL_SECONDS)
            return await refuse(Overloaded(maximum=self._max_in_flight), scope, receive, send)
        declared = int(dict(scope["headers"]).get(b"content-length", 0))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._body_timeout_seconds
        received, complete = 0, False

        async def receive_limited() -> Message:
            """Receive a part of the body. Raises BodyTooLarge, BodyTimeout or Overloaded."""
            nonlocal received, complete
            if complete:  # the next message is that the client disconnected
                return await receive()
            if declared > self._max_body_bytes:  # not earlier, since many routes answer without reading a body
                raise BodyTooLarge(maximum=self._max_body_bytes)
            task: Any = asyncio.current_task()
            expiry = loop.call_at(deadline, task.cancel, EXPIRED)  # `asyncio.timeout_at` takes four times as long
            try:
                message = await receive()
            except asyncio.CancelledError as error:
                if error.args != (EXPIRED,):
                    raise
                task.uncancel()
                raise BodyTimeout(seconds=self._body_timeout_seconds) from None
            finally:
                expiry.cancel()
            size = len(message.get("body", b""))
            received += size
            self._bytes_in_memory += size
            complete = not message.get("more_body", False)
            self._check(received)
            return message

        self._in_flight += 1
        try:
            await self._app(scope, receive_limited, send)
        finally:
            self._in_flight -= 1
            self._bytes_in_memory -= received

    def _is_exempt(self, scope: Scope) -> bool:
        return any(route.matches(scope)[0] is not Match.NONE for route in self._exempt)

    def _check(self, received: int) -> None:
        """Raise BodyTooLarge if the body is, or Overloaded if it is not small and all bodies exceed their limit."""
        if received > self._max_body_bytes:
            raise BodyTooLarge(maximum=self._max_body_bytes)
        if self._bytes_in_memory > LARGEST_BODIES * self._max_body_bytes and received > SMALL_BODY_BYTES:
            raise Overloaded("The service has no memory for another large body. Try again in a second.")
