"""`/livez`, `/readyz` and `/metrics`, for whatever starts, watches and stops the service."""

from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from app.schemas import Health
from app.service import Service


def draining_answer(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """Describe in the OpenAPI schema that a route tells so with this model."""
    return {503: {"model": model, "description": "Draining: it is about to stop"}}


def is_ready(request: Request, response: Response) -> bool:
    """Whether the service can predict. If the server is about to stop, it must not be asked, and the status says so.

    `app.server` tells in the state that it shares with each request.
    """
    if draining := getattr(request.state, "draining", False):
        response.status_code = 503
    return not draining


def router(service: Service) -> APIRouter:
    """Routes that tell how this service is. They need no API key."""
    router = APIRouter(tags=["health"])

    @router.get("/livez")
    async def livez() -> Health:
        """The process answers."""
        return Health(status="alive")

    @router.get("/readyz", responses=draining_answer(Health))
    @router.get("/health", responses=draining_answer(Health), name="health")
    async def readyz(request: Request, response: Response) -> Health:
        """The service can predict. It does not start unless it reads its test image right."""
        return Health(status="ready" if is_ready(request, response) else "draining")

    @router.get(
        "/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}, "description": "Figures"}}
    )
    async def metrics() -> Response:
        """Figures for Prometheus, of all workers together."""
        return Response(service.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    return router
