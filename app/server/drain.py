"""Graceful shutdown: after SIGTERM the service answers for a time, and its responses close their connections."""

import asyncio
import signal

from starlette.types import ASGIApp, Receive, Scope, Send

HOLD_SECONDS = 0.3
"""Time for which new requests are held while uvicorn closes the listening socket, which takes up to 0.1 s.

They are held half as long before that, so that new clients have sent their requests.
Connections that are opened in that time would be reset; a client that waits for a response opens none."""


class Drain:
    """ASGI wrapper that delays uvicorn's SIGTERM handler, which closes connections while requests may still arrive.

    Requests that arrive during the delay have `draining` in their state: `/readyz` is 503, and their responses close
    the connections.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app, self._seconds = app, seconds
        self._draining, self._hold = False, asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" and self._seconds:
            self._replace_handler(asyncio.get_running_loop())
        elif self._draining:
            scope["state"]["draining"] = True
            async with self._hold:
                pass
        await self._app(scope, receive, send)

    def _replace_handler(self, loop: asyncio.AbstractEventLoop) -> None:
        stop = signal.getsignal(signal.SIGTERM)  # uvicorn's handler, installed before the lifespan begins

        def begin(*_: object) -> None:
            signal.signal(signal.SIGTERM, stop)
            self._draining = True
            asyncio.run_coroutine_threadsafe(self._drain(), loop)

        signal.signal(signal.SIGTERM, begin)

    async def _drain(self) -> None:
        await asyncio.sleep(self._seconds)
        async with self._hold:
            await asyncio.sleep(HOLD_SECONDS / 2)  # so that new clients have sent their requests too
            signal.raise_signal(signal.SIGTERM)
            await asyncio.sleep(HOLD_SECONDS)
