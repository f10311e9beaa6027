"""The application, the classes of its routes, and how their functions run long work.

FastAPI describes the routes from their functions.

APIRoute                FastAPI's
└── Route               also answers HEAD
    ├── ProbeRoute      answers health checks, however busy the service is
    ├── GuardedRoute    requires the API key
    └── ImageRoute      requires the API key, and answers without FastAPI's middleware and dependency injection
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar, TypeVarTuple, get_type_hints

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Router
from starlette.types import Receive, Scope, Send

from app.api.authentication import authorize
from app.api.openapi import Components, describe, schema_route
from app.api.uploads import parse_options
from app.problem_details import problem_response
from app.service import Service

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Route(APIRoute):
    """A route that answers HEAD where it answers GET, as Starlette's own routes do. The server leaves out the body."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        methods = self.methods or set()
        self.methods = methods | {"HEAD"} if "GET" in methods else methods


class ProbeRoute(Route):
    """A route for health checks and metrics. `max_in_flight` does not limit its requests."""


class GuardedRoute(Route):
    """A route that requires the API key, if one is set."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Check the key before FastAPI handles the request."""
        handler = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            authorize(request.app.state.api_key, request.headers)
            return await handler(request)

        return guarded


class ImageRoute(Route):
    """A route whose function is called with the request and, if it has query parameters, their model, `options`.

    `Api` dispatches its requests. FastAPI's middleware and dependency injection would take longer than the decoding of
    an image and the network together.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self._options = get_type_hints(endpoint).get("options")

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or respond with the problem that is raised."""
        request = Request(scope, receive)
        try:
            if self.methods and scope["method"] not in self.methods:
                raise HTTPException(405, headers={"Allow": ", ".join(self.methods)})
            authorize(request.app.state.api_key, request.headers)
            arguments = () if self._options is None else (parse_options(self._options, scope["query_string"]),)
            response: Response = await self.endpoint(request, *arguments)
        except Exception as error:  # noqa: BLE001  # `problem_response` logs internal errors
            response = await problem_response(request, error)
        await response(scope, receive, send)


class Api(FastAPI):
    """The application. It dispatches requests to image routes itself, and lets FastAPI dispatch all others.

    components: schemas of request bodies that FastAPI does not validate, by name.
    """

    def __init__(self, components: Components, routes: Sequence[BaseRoute], **options: Any) -> None:
        self._components = components
        super().__init__(routes=list(routes), **options)
        image_routes = [route for route in routes if isinstance(route, ImageRoute)]
        self._images = Router(image_routes, redirect_slashes=False, default=super().__call__)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        await self._images(scope, receive, send)

    def setup(self) -> None:
        """Add the route of the schema, in place of FastAPI's."""
        self.router.routes.append(schema_route(self))

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI schema, which is made at the first call."""
        if not self.openapi_schema:
            self.openapi_schema = describe(self, self._components)
        return self.openapi_schema


async def call(service: Service, request: Request, short: bool, function: Callable[[*Ts], T], *args: *Ts) -> T:
    """Call a function: in the event loop if it is short, or else in the service's thread.

    The body of the request must have been read, since the next message is that the client disconnects.
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
