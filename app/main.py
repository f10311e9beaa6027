"""Puts the service together."""

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app import __version__
from app.api.authentication import HEADER
from app.api.fast_path import Shortcut
from app.api.openapi import HEADERS, REQUEST_ID_HEADER, Api
from app.api.routes import health, model, pages, predict
from app.api.v2 import routes as inference_protocol
from app.api.v2.codec import HEADER_LENGTH
from app.classifier.weights import load
from app.middleware.limits import Limits
from app.middleware.observability import Observability
from app.problem_details import add_problem_handlers
from app.self_test import check
from app.service import Service
from app.settings import Settings


def create_app(settings: Settings) -> ASGIApp:
    """Build the service. Raises WeightsError if the weights cannot be used or do not read the test image right."""
    service = Service(settings, load(settings.weights))
    check(service.classifier, settings.weights)
    return add_layers(create_api(service), service)


def create_api(service: Service) -> FastAPI:
    """All routes, and the OpenAPI schema of them."""
    api = Api(
        title="Three or Seven",
        summary="Tells a handwritten 3 from a 7.",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for part in (predict, model, inference_protocol, health, pages):
        api.include_router(part.router(service))
    add_problem_handlers(api)
    return api


def add_layers(api: ASGIApp, service: Service) -> ASGIApp:
    """What every request passes, from the inside out: around FastAPI, since most requests need nothing of it."""
    settings = service.settings
    app: ASGIApp = Shortcut(answer_head(api), service)
    app = Limits(app, settings.max_body_bytes, settings.body_timeout_seconds, settings.max_in_flight)
    if settings.cors_origins:
        app = CORSMiddleware(
            app,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Content-Type", HEADER, HEADER_LENGTH, REQUEST_ID_HEADER],
            expose_headers=list(HEADERS),
        )
    return Observability(app, service.metrics, settings.access_log)


def answer_head(app: ASGIApp) -> ASGIApp:
    """Answer HEAD as GET, which FastAPI's routes do not do by themselves; the server leaves the body out."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        asked = {**scope, "method": "GET"} if scope.get("method") == "HEAD" else scope
        try:
            await app(asked, receive, send)
        finally:
            scope["route"] = asked.get("route")  # for the metrics

    return answer
