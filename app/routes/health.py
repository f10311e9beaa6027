"""`/livez`, `/readyz` and `/metrics`, for whatever starts, watches and stops the service."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from app.schemas import Health
from app.service import Service


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

    @router.get("/readyz", responses={503: {"model": Health, "description": "Draining: it is about to stop"}})
    async def readyz(request: Request, response: Response) -> Health:
        """The service can predict. It does not start without weights that read its test image right."""
        if is_draining(request):
            response.status_code = 503
            return Health(status="draining")
        return Health(status="ready")

    router.add_api_route("/health", readyz, summary="Health", description="The same as `/readyz`.")

    @router.get(
        "/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}, "description": "Figures"}}
    )
    async def metrics() -> Response:
        """Figures for Prometheus, of all workers together."""
        return Response(service.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    return router
