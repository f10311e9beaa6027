"""`/model`: what the weights are."""

from fastapi import APIRouter

from app.authentication import guard
from app.errors import Overloaded, Unauthorized
from app.schemas import ModelCard, problem_responses
from app.service import Service


def router(service: Service) -> APIRouter:
    """A route that tells of this service's weights."""
    router = APIRouter(tags=["model"], dependencies=guard(service.settings.api_key))

    @router.get("/model", responses=problem_responses(Unauthorized, Overloaded))
    async def model() -> ModelCard:
        """What are the weights, what were they made of, and how good are they?"""
        return ModelCard.of(service.weights)

    return router
