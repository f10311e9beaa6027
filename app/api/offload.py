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

    Raises HTTPException if the client disconnects before the thread has ended, and what the function raises. A call
    that still waits for the thread is then cancelled, so that others need not wait for it.
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
