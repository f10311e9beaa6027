"""`/livez` and `/readyz`, for whatever starts, watches and stops the service."""

from fastapi import APIRouter
from pydantic import BaseModel


class Health(BaseModel):
    """How the service is."""

    status: str


router = APIRouter(tags=["health"])


@router.get("/livez")
async def livez() -> Health:
    """The process answers."""
    return Health(status="alive")


@router.get("/readyz")
async def readyz() -> Health:
    """The weights are loaded: `create_app` does not return without them, so whoever answers is ready."""
    return Health(status="ready")
