"""Wiring of the application, for `python -m app` and `uvicorn --factory app.main:create_app`."""

import gc
import sys

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from app import __version__
from app.api.authentication import HEADER
from app.api.openapi import HEADER_LENGTH, HEADERS, REQUEST_ID_HEADER
from app.api.routes import health, model, pages, predict
from app.api.routing import Api, ProbeRoute
from app.api.v2 import routes as v2
from app.api.v2.schemas import REQUEST_COMPONENTS
from app.middleware.limits import Limits
from app.middleware.observability import Observability
from app.middleware.tracing import add_tracing
from app.problem_details import HANDLERS, problem_response
from app.self_test import load_tested
from app.service import Service
from app.settings import Settings


def create_app(settings: Settings | None = None) -> ASGIApp:
    """Build the application. By default, the settings are read from the environment.

    Raises WeightsError if the weights cannot be used or fail the self-test, ValidationError if a setting is not valid.
    """
    settings = settings or Settings()
    service = Service(settings, load_tested(settings.weights))
    app = add_tracing(add_middleware(create_api(service), service))
    gc.freeze()  # else a full garbage collection visits permanent objects, which takes 50 ms
    return app


def create_api(service: Service) -> FastAPI:
    """Build the FastAPI application: all routes and their OpenAPI schema."""
    api = Api(
        REQUEST_COMPONENTS,
        [
            *predict.routes(service),
            *v2.inference_routes(service),
            *health.routes(service),
            *v2.health_routes(service),
            *model.routes(service),
            *v2.metadata_routes(service),
            *pages.routes(service),
        ],
        title="Three or Seven",
        summary="Tells a handwritten 3 from a 7.",
        description=f"Model version: {service.metadata.version}.",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers=HANDLERS | {Exception: problem_response},
        telemetry={"tracing": False, "metrics": False, "logs": False},  # `app.middleware` has its own
    )
    api.state.api_key = service.settings.api_key
    return api


def add_middleware(api: FastAPI, service: Service) -> ASGIApp:
    """Wrap the API in the middleware, innermost first.

    FastAPI's own middleware stack is not used for it: an internal error would not get the headers of CORS.
    """
    settings = service.settings
    probes = [route for route in api.routes if isinstance(route, ProbeRoute)]
    app: ASGIApp = Limits(
        api, settings.max_body_bytes, settings.body_timeout_seconds, settings.max_in_flight, exempt=probes
    )
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
