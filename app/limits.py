"""Limits on requests, as pure ASGI, so that nothing over them is collected or parsed."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import BodyTooLarge


class BodyLimit:
    """Refuses bodies over the limit: declared ones unread, chunked ones as soon as they pass it."""

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self._app = app
        self._max = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        declared = int(Headers(scope=scope).get("content-length", "0"))  # uvicorn lets no other than digits pass
        received = 0

        async def limited_receive() -> Message:
            """Raise in the hands of whoever asks for the body, so that the handlers of problems see it."""
            nonlocal received
            self._check(declared)
            message = await receive()
            received += len(message.get("body", b""))
            self._check(received)
            return message

        await self._app(scope, limited_receive, send)

    def _check(self, size: int) -> None:
        if size > self._max:
            raise BodyTooLarge(f"The body is larger than {self._max:,} bytes. Send a smaller file.")
