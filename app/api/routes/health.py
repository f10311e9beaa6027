"""`/livez`, `/readyz` and `/metrics`, for whatever starts, watches and stops the service."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from app.api.openapi import Responses, shown
from app.api.schemas import Health
from app.service import Service

FIGURE = 'predictions_total{confident="true",digit="7"} 42.0\n'
"""One line of many."""


def readiness(ready: BaseModel, draining: BaseModel) -> Responses:
    """Describe in the OpenAPI schema what a route answers that asks `is_ready`."""
    stopping = {"model": type(draining), "description": "Draining: it is about to stop"}
    return {200: shown(ready), 503: stopping | shown(draining)}


def is_ready(request: Request, response: Response) -> bool:
    """Whether the service can predict. If the server is about to stop, it must not be asked, and the status says so.

    `app.server.drain` tells in the state that it shares with each request.
    """
    if draining := getattr(request.state, "draining", False):
        response.status_code = 503
    return not draining


def router(service: Service) -> APIRouter:
    """Routes that tell how this service is. They need no API key."""
    router = APIRouter(tags=["health"])
    answers = readiness(Health(status="ready"), Health(status="draining"))

    @router.get("/livez", responses={200: shown(Health(status="alive"))})
    async def livez() -> Health:
        """Tell that the process is alive."""
        return Health(status="alive")

    @router.get("/readyz", responses=answers)
    @router.get("/health", responses=answers, name="health")
    async def readyz(request: Request, response: Response) -> Health:
        """Tell whether the service can predict: 503 while it shuts down."""
        return Health(status="ready" if is_ready(request, response) else "draining")

    @router.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"example": FIGURE}}, "description": "Figures"}},
    )
    async def metrics() -> Response:
        """Return the metrics of all workers in Prometheus' text format."""
        return Response(service.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    return router
