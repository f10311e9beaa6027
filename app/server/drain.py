"""Graceful shutdown: after SIGTERM the service answers for a while, and asks its clients to reconnect elsewhere."""

import asyncio
import signal
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

EXIT_SECONDS, HOLD_SECONDS = 0.1, 0.4
"""New requests are held from the end of the drain until HOLD_SECONDS later; uvicorn is told to stop EXIT_SECONDS later.

It closes the listening socket within 0.1 s of that. A client that waits for its response at this moment opens no
connection that would be reset."""


class Drain:
    """ASGI wrapper that delays uvicorn's handler of SIGTERM.

    uvicorn alone closes the listening socket and idle connections at once, while requests are on their way. Here, for
    `seconds`, `/readyz` first answers 503 and every response has `Connection: close`. SIGINT and a second SIGTERM
    stop the server without a drain.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds
        self._draining = False
        self._open = asyncio.Event()
        self._open.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" and self._seconds:
            self._delay(signal.SIGTERM)  # uvicorn has installed its own handlers by now
        elif self._draining:
            scope["state"]["draining"] = True
            await self._open.wait()
            send = _closing(send)
        await self._app(scope, receive, send)

    def _delay(self, signum: signal.Signals) -> None:
        loop = asyncio.get_running_loop()
        stop: Any = signal.getsignal(signum)

        def begin(*_: object) -> None:
            signal.signal(signum, stop)
            self._draining = True
            loop.call_soon_threadsafe(loop.call_later, self._seconds, hold)

        def hold() -> None:
            self._open.clear()
            loop.call_later(EXIT_SECONDS, stop, signum, None)
            loop.call_later(HOLD_SECONDS, self._open.set)

        signal.signal(signum, begin)


def _closing(send: Send) -> Send:
    """Add `Connection: close` to the response."""

    async def send_closing(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Connection"] = "close"
        await send(message)

    return send_closing
