"""The fast path: Starlette routes in front of FastAPI, whose dispatch takes longer than the decoder and the network."""

from collections.abc import Awaitable, Callable

from pydantic import SecretStr
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.authentication import HEADER, authorize
from app.api.routes.predict import answer_batch, answer_one
from app.api.v2.routes import INFER_PATHS, answer_inference
from app.problem_details import HANDLERS, problem_response
from app.service import Service

FITS = {b"": False, b"fit=false": False, b"fit=true": True}
"""Values of `fit` by the whole query string, where nothing else needs to be validated."""


class FastRoute(Route):
    """A route that matches its method and a query without need of validation; all else is left to FastAPI."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child_scope = super().matches(scope)
        if match is Match.FULL and scope["query_string"] in FITS:
            return match, child_scope
        return Match.NONE, {}


class FastEndpoint:
    """An endpoint as an ASGI application, which Starlette does not wrap in a handling of exceptions of its own."""

    def __init__(self, api_key: SecretStr | None, answer: Callable[[Request], Awaitable[Response]]) -> None:
        self._api_key, self._answer = api_key, answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        authorize(self._api_key, request.headers.get(HEADER))
        response = await self._answer(request)
        await response(scope, receive, send)


def add_fast_path(api: ASGIApp, service: Service) -> ASGIApp:
    """Put the fast path in front of the FastAPI application, whose routes answer by the same functions."""

    def route(path: str, answer: Callable[[Request], Awaitable[Response]]) -> Route:
        return FastRoute(path, FastEndpoint(service.settings.api_key, answer), methods=["POST"])

    routes = [
        route("/predict", lambda request: answer_one(service, request, _fit(request))),
        route("/predict/batch", lambda request: answer_batch(service, request, _fit(request))),
        *(route(path, lambda request: answer_inference(service, request)) for path in INFER_PATHS),
    ]
    router = Router(routes, redirect_slashes=False, default=head_as_get(api))
    return ServerErrorMiddleware(ExceptionMiddleware(router, HANDLERS), problem_response)


def _fit(request: Request) -> bool:
    return FITS[request.scope["query_string"]]


def head_as_get(app: ASGIApp) -> ASGIApp:
    """Answer HEAD as GET, which FastAPI's routes do not; the server leaves out the body."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        asked = {**scope, "method": "GET"} if scope.get("method") == "HEAD" else scope
        try:
            await app(asked, receive, send)
        finally:
            scope["route"] = asked.get("route")  # for the metrics

    return answer
