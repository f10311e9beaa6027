"""`/livez` and `/readyz`, for whatever starts, watches and stops the service."""

from fastapi import APIRouter

from app.schemas import Health

router = APIRouter(tags=["health"])


@router.get("/livez")
async def livez() -> Health:
    """The process answers."""
    return Health(status="alive")


@router.get("/readyz")
async def readyz() -> Health:
    """The service can predict."""
    return Health(status="ready")  # `create_app` does not return without weights
