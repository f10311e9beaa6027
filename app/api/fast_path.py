"""The fast path: routes in front of FastAPI, whose dispatch takes longer than the decoder and the network."""

from collections.abc import Awaitable, Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.authentication import authorize
from app.api.routes.predict import answer_batch, answer_one
from app.api.v2.routes import INFER_PATHS, answer_inference, names
from app.problem_details import HANDLERS, refuse
from app.service import Service

FITS = {b"": False, b"fit=false": False, b"fit=true": True}
"""Query strings of the fast path, with their value of `fit`."""


class FastPath:
    """Answers POST to /predict, /predict/batch and infer if the query is in `FITS`. FastAPI answers all others."""

    def __init__(self, api: ASGIApp, service: Service) -> None:
        self._api, self._key = api, service.settings.api_key
        answers: dict[str, Callable[[Request, bool], Awaitable[Response]]] = {
            "/predict": partial(answer_one, service),
            "/predict/batch": partial(answer_batch, service),
            **dict.fromkeys(INFER_PATHS, lambda request, _: answer_inference(service, request)),
        }
        self._routes = {path.format(**names(service)): (Route(path, api), answer) for path, answer in answers.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route, answer = self._routes.get(scope.get("path", ""), (None, None))
        if answer is None or scope["method"] != "POST" or scope["query_string"] not in FITS:
            return await self._pass_on(scope, receive, send)
        scope["route"] = route  # for the metrics
        try:
            request = Request(scope, receive)
            authorize(self._key, request.headers)
            response = await answer(request, FITS[scope["query_string"]])
        except tuple(HANDLERS) as error:
            return await refuse(error, scope, receive, send)
        except Exception as error:
            await refuse(error, scope, receive, send)
            raise  # to be logged
        await response(scope, receive, send)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer HEAD as GET, which FastAPI's routes do not; the server leaves out the body."""
        asked = {**scope, "method": "GET"} if scope.get("method") == "HEAD" else scope
        try:
            await self._api(asked, receive, send)
        finally:
            scope["route"] = asked.get("route")
