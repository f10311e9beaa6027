"""Limits on requests. They apply before a body is collected or parsed."""

import asyncio
import re
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import BodyTimeout, BodyTooLarge, Overloaded
from app.problem_details import refuse

EXEMPT = re.compile(r"/livez|/readyz|/health|/metrics|/v2/health/(live|ready)|/v2/models/[^/]+(/versions/[^/]+)?/ready")
"""Paths that `max_in_flight` does not limit, so that a busy service still answers health checks."""

SMALL_BODY_BYTES = 64 * 1024
"""Maximum size of a body that is read even if other bodies fill the memory."""

LARGEST_BODIES = 8
"""Maximum total size of the bodies in memory, in multiples of `max_body_bytes`."""

REFUSAL_SECONDS = 0.2
"""Delay before a refusal for too many requests in flight. It slows down clients that retry at once."""


EXPIRED = "the body's deadline has expired"
"""Message of the cancellation of a request whose body is too slow."""


class Limits:
    """Refuses requests if too many are in flight, and bodies that are too large or too slow.

    A body whose Content-Length is too large is refused before it is read, a chunked one as soon as it exceeds the
    limit. The server discards what still arrives.
    """

    def __init__(self, app: ASGIApp, max_body_bytes: int, body_timeout_seconds: float, max_in_flight: int) -> None:
        self._app = app
        self.max_body_bytes = max_body_bytes
        self.body_timeout_seconds = body_timeout_seconds
        self._max_in_flight = max_in_flight
        self._in_flight = 0
        self.bytes_in_memory = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        if self._in_flight >= self._max_in_flight and not EXEMPT.fullmatch(scope["path"]):
            await asyncio.sleep(REFUSAL_SECONDS)
            detail = f"The service has {self._max_in_flight} requests in flight, the maximum. Try again in a second."
            return await refuse(Overloaded(detail), scope, receive, send)
        body = _Body(self, scope, receive)
        self._in_flight += 1
        try:
            await self._app(scope, body.receive, send)
        finally:
            self._in_flight -= 1
            self.bytes_in_memory -= body.received


class _Body:
    """The body of one request, as it arrives."""

    def __init__(self, limits: Limits, scope: Scope, receive: Receive) -> None:
        self._limits, self._receive = limits, receive
        self._size = int(dict(scope["headers"]).get(b"content-length", 0))
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + limits.body_timeout_seconds
        self._complete = False
        self.received = 0

    async def receive(self) -> Message:
        """Receive the next message. Raises BodyTooLarge, BodyTimeout or Overloaded."""
        if self._complete:  # the next message is that the client disconnected
            return await self._receive()
        self._check()
        task: Any = asyncio.current_task()
        expiry = self._loop.call_at(self._deadline, task.cancel, EXPIRED)  # asyncio.timeout_at takes four times as long
        try:
            message = await self._receive()
        except asyncio.CancelledError as error:
            if error.args != (EXPIRED,):
                raise
            task.uncancel()
            seconds = f"{self._limits.body_timeout_seconds:g} seconds"
            raise BodyTimeout(f"The body did not arrive within {seconds}. Send it faster, or a smaller file.") from None
        finally:
            expiry.cancel()
        size = len(message.get("body", b""))
        self.received += size
        self._limits.bytes_in_memory += size
        self._size = max(self._size, self.received)
        self._complete = not message.get("more_body", False)
        self._check()
        return message

    def _check(self) -> None:
        maximum = self._limits.max_body_bytes
        if self._size > maximum:
            raise BodyTooLarge(f"The body is larger than {maximum:,} bytes. Send a smaller file.")
        if self._limits.bytes_in_memory > LARGEST_BODIES * maximum and self.received > SMALL_BODY_BYTES:
            raise Overloaded("The service has no memory for another large body. Try again in a second.")
