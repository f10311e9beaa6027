"""`/livez`, `/readyz`, its alias `/health`, and `/metrics`."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.routing import BaseRoute

from app.api.openapi import Responses, shown
from app.api.routing import ProbeRoute
from app.api.schemas import Health
from app.service import Service

METRIC = {"text/plain": {"example": 'predictions_total{confident="true",digit="7"} 42.0\n'}}


def readiness(document: type[Any], ready: Mapping[str, Any], draining: Mapping[str, Any]) -> Responses:
    """Describe the responses of a readiness route in the OpenAPI schema, with an example of each."""
    stopping = {"model": document, "description": "The service is shutting down"}
    return {200: shown(ready), 503: stopping | shown(draining)}


def is_ready(request: Request, response: Response) -> bool:
    """Return whether the service can predict. If not, since it is shutting down, set the status to 503.

    During the drain, `app.server.drain` sets `draining` in the state of each request.
    """
    if draining := getattr(request.state, "draining", False):
        response.status_code = 503
    return not draining


def routes(service: Service) -> list[BaseRoute]:
    """Make the routes for the state of the service. They need no API key."""
    router = APIRouter(tags=["health"], route_class=ProbeRoute)
    answers = readiness(Health, Health(status="ready"), Health(status="draining"))

    @router.get("/livez", responses={200: shown(Health(status="alive"))})
    async def livez() -> Health:
        """Report that the process is running."""
        return Health(status="alive")

    @router.get("/readyz", responses=answers)
    @router.get("/health", responses=answers, name="health")
    async def readyz(request: Request, response: Response) -> Health:
        """Report whether the service can predict: 503 while it is shutting down."""
        return Health(status="ready" if is_ready(request, response) else "draining")

    @router.get("/metrics", response_class=Response, responses={200: {"content": METRIC, "description": "Metrics"}})
    async def metrics() -> Response:
        """Return the metrics of all workers in Prometheus' text format."""
        return Response(service.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    return router.routes
