"""Limits on requests, as pure ASGI, so that nothing over them is collected or parsed."""

import asyncio
import re
from collections.abc import Awaitable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import BodyTimeout, BodyTooLarge, Overloaded
from app.problem_details import refuse

ALWAYS_ANSWERED = re.compile(
    r"/livez|/readyz|/health|/metrics|/v2/health/(live|ready)|/v2/models/[^/]+(/versions/[^/]+)?/ready"
)
"""What tells how the service is must answer above all when it has too much to do."""

SWALLOWED_BYTES = 64 * 1024
"""Of a body that nobody asks for: so much the server reads without harm, and keeps the connection."""

LARGEST_BODIES = 8
"""So many of the largest that are allowed may be in memory together, or as many bytes of others."""

REFUSAL_SECONDS = 0.2
"""Before a request that is one too many is told so. A crowd that asks again at once would take the time of those who
are answered, and be ahead of everybody else when there is room."""

LINGER_SECONDS = 1.0
"""Between an answer to a body that nobody reads, and the end of its connection."""


class Limits:
    """Refuses requests that are too many, and bodies that are too large or too slow.

    A declared body over the limit is refused unread, a chunked one as soon as it passes the limit.
    """

    def __init__(self, app: ASGIApp, max_body_bytes: int, body_timeout_seconds: float, max_in_flight: int) -> None:
        self._app = app
        self.max_body_bytes = max_body_bytes
        self.body_timeout_seconds = body_timeout_seconds
        self._max_in_flight = max_in_flight
        self._in_flight = 0
        self.bytes_in_hand = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        body = _Body(self, scope, receive, send)
        if self._in_flight >= self._max_in_flight and not ALWAYS_ANSWERED.fullmatch(scope["path"]):
            await asyncio.sleep(REFUSAL_SECONDS)
            overloaded = Overloaded(f"The service has {self._max_in_flight} requests in hand. Try again in a second.")
            await refuse(overloaded, scope, body.receive, body.send)
            return await body.linger()
        self._in_flight += 1
        try:
            await self._app(scope, body.receive, body.send)
        finally:
            self._in_flight -= 1
            self.bytes_in_hand -= body.received
            await body.linger()


class _Body:
    """The body of one request, as it arrives."""

    def __init__(self, limits: Limits, scope: Scope, receive: Receive, send: Send) -> None:
        self._limits, self._receive, self._send = limits, receive, send
        headers = dict(scope["headers"])
        self._size = int(headers.get(b"content-length", 0))  # uvicorn lets no other than digits pass
        self.received = 0
        self._deadline = asyncio.get_running_loop().time() + limits.body_timeout_seconds
        self._complete = False
        self._large = b"transfer-encoding" in headers or self._size > SWALLOWED_BYTES
        self._last: Message | None = None

    async def receive(self) -> Message:
        """Raise in the hands of whoever asks for the body, so that the handlers of problems see it."""
        if self._complete:  # what comes is that the client left
            return await self._receive()
        self._check()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            self._large = True
            seconds = f"{self._limits.body_timeout_seconds:g} seconds"
            raise BodyTimeout(f"The body did not arrive within {seconds}. Send it faster, or a smaller file.") from None
        size = len(message.get("body", b""))
        self.received += size
        self._limits.bytes_in_hand += size
        self._size = max(self._size, self.received)
        self._complete = not message.get("more_body", False)
        self._check()
        return message

    def send(self, message: Message) -> Awaitable[None]:
        """Pass the answer on. If much of the body is still to come, nobody will read it: the connection must end.

        What is closed with bytes unread is reset, and the answer may be lost. So the end is held back.
        """
        if self._large and not self._complete:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Connection"] = "close"
            elif not message.get("more_body", False):
                self._last = {"type": "http.response.body"}
                message = {**message, "more_body": True}
        return self._send(message)

    async def linger(self) -> None:
        """Leave a client who still sends time to read why nobody listens any more."""
        if self._last:
            await asyncio.sleep(LINGER_SECONDS)
            await self._send(self._last)

    def _check(self) -> None:
        if self._size > self._limits.max_body_bytes:
            limit = f"{self._limits.max_body_bytes:,} bytes"
            raise BodyTooLarge(f"The body is larger than {limit}. Send a smaller file.")
        full = self._limits.bytes_in_hand > LARGEST_BODIES * self._limits.max_body_bytes
        if full and self.received > SWALLOWED_BYTES:
            self._large = True
            raise Overloaded("The service has no room for another large body. Try again in a second.")
