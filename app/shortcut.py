"""The short way to `/predict`, past FastAPI's dispatch, which takes longer than decoder and network together."""

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from app.authentication import HEADER, authorize
from app.errors import Problem
from app.problems import refuse
from app.routes.predict import answer_one
from app.service import Service

QUERIES = {b"": False, b"fit=false": False, b"fit=true": True}
"""Those in which nothing needs to be validated, and the `fit` that they ask for."""


class Shortcut:
    """Answers `POST /predict` as its route in `app.routes.predict` does, by the same function.

    The route is what the OpenAPI schema knows, and what answers any other query.
    """

    path = "/predict"
    """For the metrics: this stands in the scope where a route would."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        wanted = scope["type"] == "http" and scope["path"] == self.path and scope["method"] == "POST"
        if not wanted or (fit := QUERIES.get(scope["query_string"])) is None:
            return await self._app(scope, receive, send)
        scope["route"] = self
        headers = Headers(scope=scope)
        try:
            authorize(self._service.settings.api_key, headers.get(HEADER))
            response = await answer_one(self._service, headers, receive, fit)
        except Exception as error:
            await refuse(error, scope, receive, send)
            if not isinstance(error, Problem | ClientDisconnect):
                raise  # to be logged
            return
        await response(scope, receive, send)
