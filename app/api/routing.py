"""The classes of the routes. FastAPI describes all of them from their functions.

APIRoute                FastAPI's
└── Route               also answers HEAD
    ├── ProbeRoute      answers health checks, however busy the service is
    ├── GuardedRoute    requires the API key
    └── ImageRoute      requires the API key, and answers without FastAPI's middleware and dependency injection
"""

from collections.abc import Callable, Coroutine
from typing import Any, get_type_hints

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from app.api.authentication import authorize
from app.api.options import parse_options
from app.problem_details import problem_response


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

    `app.api.openapi.Api` dispatches its requests. FastAPI's middleware and dependency injection would take longer than
    the decoding of an image and the network together.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self._options = get_type_hints(endpoint).get("options")

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or respond with the problem that its function raises."""
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
