"""Work of a request, in the event loop or in the service's thread."""

import asyncio
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.service import Service

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


async def run(service: Service, request: Request, short: bool, function: Callable[[*Ts], T], *args: *Ts) -> T:
    """Call a function: in the event loop if it is short, or else in the service's thread.

    If the client disconnects while the call waits for the thread, the call is cancelled, so that others need not wait.
    Raises HTTPException then, and what the function raises.
    """
    if short:
        return function(*args)
    work = asyncio.ensure_future(service.in_thread(function, *args))
    gone = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise HTTPException(400, "The client disconnected before the response.")
        return work.result()
    finally:
        work.cancel()
        gone.cancel()
