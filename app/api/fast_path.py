"""The fast path: Starlette routes in front of FastAPI, whose dispatch takes longer than the decoder and the network."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.authentication import authorize
from app.api.routes.predict import answer_batch, answer_one
from app.api.v2.routes import INFER_PATHS, answer_inference
from app.problem_details import HANDLERS, refuse
from app.service import Service

Answer: TypeAlias = Callable[[Request, bool], Awaitable[Response]]
"""Function that makes the response to a request, with `fit` as its second argument."""

FITS = {b"": False, b"fit=false": False, b"fit=true": True}
"""Query strings of the fast path, with their value of `fit`."""


class FastRoute(Route):
    """A route that matches its method and the queries in `FITS`; FastAPI handles all others."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child_scope = super().matches(scope)
        if match is Match.FULL and scope["query_string"] in FITS:
            return match, child_scope
        return Match.NONE, {}


class FastEndpoint:
    """An endpoint as an ASGI application; Starlette's exception handling for functions takes several wrappers."""

    def __init__(self, api_key: SecretStr | None, answer: Answer) -> None:
        self._api_key, self._answer = api_key, answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            request = Request(scope, receive)
            authorize(self._api_key, request.headers)
            response = await self._answer(request, FITS[scope["query_string"]])
        except tuple(HANDLERS) as error:
            return await refuse(error, scope, receive, send)
        except Exception as error:
            await refuse(error, scope, receive, send)
            raise  # to be logged
        await response(scope, receive, send)


def add_fast_path(api: ASGIApp, service: Service) -> ASGIApp:
    """Put the fast path in front of the FastAPI application, whose routes answer by the same functions."""
    answers: dict[str, Answer] = {
        "/predict": partial(answer_one, service),
        "/predict/batch": partial(answer_batch, service),
        **dict.fromkeys(INFER_PATHS, lambda request, _: answer_inference(service, request)),
    }
    key = service.settings.api_key
    routes = [FastRoute(path, FastEndpoint(key, answer), methods=["POST"]) for path, answer in answers.items()]
    return Router(routes, redirect_slashes=False, default=head_as_get(api))


def head_as_get(app: ASGIApp) -> ASGIApp:
    """Answer HEAD as GET, which FastAPI's routes do not; the server leaves out the body."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        asked = {**scope, "method": "GET"} if scope.get("method") == "HEAD" else scope
        try:
            await app(asked, receive, send)
        finally:
            scope["route"] = asked.get("route")  # for the metrics

    return answer
