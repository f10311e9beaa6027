"""`/model`: the metadata of the weights."""

from fastapi import APIRouter

from app.api.authentication import guard
from app.api.openapi import problem_responses, shown
from app.api.schemas import ModelCard
from app.errors import Overloaded, Unauthorized
from app.service import Service


def router(service: Service) -> APIRouter:
    """Make the route of the weights' metadata."""
    router = APIRouter(tags=["model"], dependencies=guard(service.settings.api_key))
    card = ModelCard.of(service.weights)

    @router.get("/model", responses=problem_responses("/model", Unauthorized, Overloaded) | {200: shown(card)})
    async def model() -> ModelCard:
        """Describe the weights: version, architecture, training data, metrics."""
        return card

    return router
