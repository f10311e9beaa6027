"""The fast path: Starlette routes in front of FastAPI, whose dispatch takes longer than the decoder and the network."""

from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.authentication import HEADER, authorize
from app.api.routes.predict import answer_batch, answer_one
from app.api.v2.routes import INFER_PATHS, answer_inference, check_model
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


def add_fast_path(api: ASGIApp, service: Service) -> ASGIApp:
    """Put the fast path in front of the FastAPI application, which has the same routes by the same functions."""
    api_key = service.settings.api_key

    async def predict(request: Request) -> Response:
        authorize(api_key, request.headers.get(HEADER))
        return await answer_one(service, request, FITS[request.scope["query_string"]])

    async def predict_batch(request: Request) -> Response:
        authorize(api_key, request.headers.get(HEADER))
        return await answer_batch(service, request, FITS[request.scope["query_string"]])

    async def infer(request: Request) -> Response:
        authorize(api_key, request.headers.get(HEADER))
        check_model(service, request)
        return await answer_inference(service, request)

    endpoints = {"/predict": predict, "/predict/batch": predict_batch} | dict.fromkeys(INFER_PATHS, infer)
    routes = [FastRoute(path, endpoint, methods=["POST"]) for path, endpoint in endpoints.items()]
    router = Router(routes, redirect_slashes=False, default=head_as_get(api))
    return ServerErrorMiddleware(ExceptionMiddleware(router, HANDLERS), problem_response)


def head_as_get(app: ASGIApp) -> ASGIApp:
    """Answer HEAD as GET, which FastAPI's routes do not; the server leaves out the body."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        asked = {**scope, "method": "GET"} if scope.get("method") == "HEAD" else scope
        try:
            await app(asked, receive, send)
        finally:
            scope["route"] = asked.get("route")  # for the metrics

    return answer
