"""Wiring of the application, for `python -m app` and `uvicorn --factory app.main:create_app`."""

import gc
import sys

import cv2
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp
from threadpoolctl import threadpool_limits

from app import __version__
from app.api.authentication import HEADER
from app.api.fast_path import FastPath
from app.api.openapi import HEADERS, REQUEST_ID_HEADER, Api
from app.api.routes import health, model, pages, predict
from app.api.v2 import routes as v2
from app.api.v2.codec import HEADER_LENGTH
from app.middleware.limits import Limits
from app.middleware.observability import Observability
from app.middleware.tracing import add_tracing
from app.problem_details import HANDLERS, problem_response
from app.self_test import load_tested
from app.service import Service
from app.settings import Settings


def create_app(settings: Settings | None = None) -> ASGIApp:
    """Build the application. By default, the settings are read from the environment.

    Raises WeightsError if the weights cannot be used or fail the self-test.
    """
    settings = settings or Settings()
    threadpool_limits(1)  # BLAS: the matrices are small
    cv2.setNumThreads(1)  # the images are small
    service = Service(settings, load_tested(settings.weights))
    app = add_tracing(add_middleware(FastPath(create_api(service), service), service))
    gc.freeze()  # else a full garbage collection visits permanent objects, which takes 50 ms
    return app


def create_api(service: Service) -> FastAPI:
    """Build the FastAPI application: all routes and their OpenAPI schema."""
    api = Api(
        title="Three or Seven",
        summary="Tells a handwritten 3 from a 7.",
        description=f"Model version: {service.metadata.version}.",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers=HANDLERS | {Exception: problem_response},
    )
    for part in (predict, model, v2, health, pages):
        api.include_router(part.router(service))
    return api


def add_middleware(app: ASGIApp, service: Service) -> ASGIApp:
    """Wrap the application in the middleware, innermost first."""
    settings = service.settings
    app = Limits(app, settings.max_body_bytes, settings.body_timeout_seconds, settings.max_in_flight)
    if settings.cors_origins:
        app = CORSMiddleware(
            app,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", HEADER, HEADER_LENGTH, REQUEST_ID_HEADER],
            expose_headers=list(HEADERS),
        )
    return Observability(app, service.metrics, settings.access_log)


if __name__ == "__main__":
    sys.exit("Start the service with `python -m app`, or with `uvicorn --factory app.main:create_app`.")
