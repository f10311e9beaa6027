"""Puts the service together."""

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from app import __version__
from app.authentication import HEADER
from app.classifier.weights import load
from app.limits import Limits
from app.observability import Observability
from app.problems import add_problem_handlers
from app.routes import health, inference_protocol, model, pages, predict
from app.selftest import check
from app.service import Service
from app.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """Build the service. Raises WeightsError if the weights cannot be used or do not read the test image right."""
    service = Service(settings, load(settings.weights))
    check(service.classifier, settings.weights)
    app = FastAPI(
        title="Three or Seven",
        summary="Tells a handwritten 3 from a 7.",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for part in (predict, model, inference_protocol, health, pages):
        app.include_router(part.router(service))
    add_problem_handlers(app)
    # The last one added is the outermost.
    app.add_middleware(
        Limits,
        max_body_bytes=settings.max_body_bytes,
        body_timeout_seconds=settings.body_timeout_seconds,
        max_in_flight=settings.max_in_flight,
    )
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Content-Type", HEADER, "X-Request-ID"],
            expose_headers=["X-Request-ID"],
        )
    app.add_middleware(Observability, metrics=service.metrics)
    return app
