"""Puts the service together."""

from fastapi import FastAPI
from fastapi.responses import RedirectResponse

from app import __version__
from app.classifier import Classifier
from app.classifier.weights import load
from app.limits import BodyLimit
from app.observability import RequestId
from app.problems import add_problem_handlers
from app.routes import health, predict
from app.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """Build the service. Raises WeightsError if the weights cannot be used."""
    weights = load(settings.weights)
    classifier = Classifier(weights.parameters, weights.metadata.threshold)
    app = FastAPI(
        title="Three or Seven",
        summary="Tells a handwritten 3 from a 7.",
        version=__version__,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.include_router(predict.router(classifier, weights.metadata, settings))
    app.include_router(health.router)
    app.add_api_route("/", lambda: RedirectResponse("/docs"), include_in_schema=False)
    add_problem_handlers(app)
    app.add_middleware(BodyLimit, max_body_bytes=settings.max_body_bytes)
    app.add_middleware(RequestId)
    return app
