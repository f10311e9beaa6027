"""`/livez`, `/readyz` and `/metrics`, for whatever starts, watches and stops the service."""

from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from app.schemas import Health
from app.service import Service

DRAINING: dict[int | str, dict[str, Any]] = {503: {"model": Health, "description": "Draining: it is about to stop"}}


def is_draining(request: Request) -> bool:
    """Whether the server is about to stop; `app.server` says so in the state that it shares with each request."""
    return getattr(request.state, "draining", False)


def router(service: Service) -> APIRouter:
    """Routes that tell how this service is. They need no API key."""
    router = APIRouter(tags=["health"])

    @router.get("/livez")
    async def livez() -> Health:
        """The process answers."""
        return Health(status="alive")

    @router.get("/readyz", responses=DRAINING)
    @router.get("/health", responses=DRAINING, name="health")
    async def readyz(request: Request, response: Response) -> Health:
        """The service can predict. It does not start unless it reads its test image right."""
        if is_draining(request):
            response.status_code = 503
            return Health(status="draining")
        return Health(status="ready")

    @router.get(
        "/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}, "description": "Figures"}}
    )
    async def metrics() -> Response:
        """Figures for Prometheus, of all workers together."""
        return Response(service.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    return router
