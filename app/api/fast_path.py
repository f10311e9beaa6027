"""The short way to the answers, past FastAPI's dispatch, which takes longer than decoder and network together."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import NamedTuple, TypeAlias

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.authentication import HEADER, authorize
from app.api.routes.predict import answer_batch, answer_one
from app.api.v2.routes import INFER_PATHS, answer_inference
from app.errors import Problem
from app.problem_details import refuse
from app.service import Service

FITS = {b"": False, b"fit=false": False, b"fit=true": True}
"""The queries in which nothing needs to be validated, and the `fit` that they ask for."""


class Way(NamedTuple):
    """What a route does. In the scope it stands for the route, whose path the metrics want."""

    path: str
    answer: Callable[[Request], Awaitable[Response]]


Ways: TypeAlias = Mapping[tuple[str, bytes], Way]
"""By path and query"""


class Shortcut:
    """Answers these requests as their routes do, by the same functions.

    The routes are what the OpenAPI schema knows, and what answers with any other query.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._api_key = service.settings.api_key
        self._ways = ways(service)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        posted = scope["type"] == "http" and scope["method"] == "POST"
        way = self._ways.get((scope["path"], scope["query_string"])) if posted else None
        if way is None:
            return await self._app(scope, receive, send)
        scope["route"] = way
        request = Request(scope, receive)
        try:
            authorize(self._api_key, request.headers.get(HEADER))
            response = await way.answer(request)
        except Exception as error:
            await refuse(error, scope, receive, send)
            if not isinstance(error, Problem | ClientDisconnect):
                raise  # to be logged
            return
        await response(scope, receive, send)


def ways(service: Service) -> Ways:
    """The requests that many send."""
    found = {}
    for path, answer in (("/predict", answer_one), ("/predict/batch", answer_batch)):
        for query, fit in FITS.items():
            found[path, query] = Way(path, partial(answer, service, fit=fit))
    for path in INFER_PATHS:
        exact = path.format(model=service.metadata.name, version=service.metadata.version)
        found[exact, b""] = Way(path, partial(answer_inference, service))
    return found
