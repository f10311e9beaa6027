"""`/model`: the metadata of the weights."""

from fastapi import APIRouter
from starlette.routing import BaseRoute

from app.api.authentication import described_key
from app.api.openapi import problem_responses, shown
from app.api.routing import GuardedRoute
from app.api.schemas import ModelCard, model_card
from app.errors import ROUTE_ERRORS
from app.service import Service


def routes(service: Service) -> list[BaseRoute]:
    """Make the route of the weights' metadata."""
    key = described_key(service.settings.api_key)
    router = APIRouter(tags=["model"], dependencies=key, route_class=GuardedRoute)
    card = model_card(service.weights)

    @router.get("/model", responses=problem_responses("/model", *ROUTE_ERRORS) | {200: shown(card)})
    async def model() -> ModelCard:
        """Describe the weights: version, architecture, training data, metrics."""
        return card

    return router.routes
