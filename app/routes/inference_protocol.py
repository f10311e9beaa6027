"""`/v2`: the Open Inference Protocol, so that clients of KServe, Triton and MLServer work unchanged."""

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response

from app import __version__
from app.authentication import guard
from app.errors import BodyTimeout, BodyTooLarge, InvalidInference, Overloaded, Problem, Unauthorized, UnknownModel
from app.inference_protocol import (
    HEADER_LENGTH,
    InferenceError,
    InferenceRequest,
    InferenceResponse,
    Liveness,
    ModelMetadata,
    ModelReadiness,
    Readiness,
    ServerMetadata,
    read_inference,
    write_inference,
)
from app.routes.health import draining_answer, is_ready
from app.schemas import inlined
from app.service import Service
from app.uploads import read_body

TAGS: list[str | Enum] = ["Open Inference Protocol"]

MODEL = "/v2/models/{model}"
MODEL_VERSION = MODEL + "/versions/{version}"
INFER_PATHS = (MODEL + "/infer", MODEL_VERSION + "/infer")

BINARY = {"schema": {"type": "string", "format": "binary"}}

INLINE_BINARY = 64
"""Bytes of a binary request that take as long to read as one of JSON, at the least."""

REQUEST_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": inlined(InferenceRequest)},
        "application/octet-stream": BINARY,
    },
}

HEADER_LENGTH_PARAMETER = {
    "name": HEADER_LENGTH,
    "in": "header",
    "required": False,
    "description": "bytes of the body that are JSON, if binary tensors follow",
    "schema": {"type": "string"},
}


def router(service: Service) -> APIRouter:
    """Routes that answer with this service."""
    name, only_version = service.metadata.name, service.metadata.version
    router = APIRouter(tags=TAGS)

    @router.get("/v2", dependencies=guard(service.settings.api_key), responses=_errors(Unauthorized, Overloaded))
    async def server_metadata() -> ServerMetadata:
        """What the server is, and which extensions it knows."""
        return ServerMetadata(name="three-or-seven", version=__version__)

    @router.get("/v2/health/live")
    async def server_live() -> Liveness:
        """The process answers."""
        return Liveness(live=True)

    @router.get("/v2/health/ready", responses=draining_answer(Readiness))
    async def server_ready(request: Request, response: Response) -> Readiness:
        """The service can predict."""
        return Readiness(ready=is_ready(request, response))

    async def known_model(model: Annotated[str, Path(json_schema_extra={"enum": [name]})]) -> None:
        if model != name:
            raise UnknownModel(f"There is no model {model!r}; the only one is {name}.")

    async def known_version(version: Annotated[str, Path(json_schema_extra={"enum": [only_version]})]) -> None:
        if version != only_version:
            raise UnknownModel(f"There is no version {version!r}; the only one is {only_version}.")

    for prefix, known in ((MODEL, [known_model]), (MODEL_VERSION, [known_model, known_version])):
        router.include_router(_model_router(service, prefix, known))
    return router


def _model_router(service: Service, prefix: str, known: Sequence[Callable[..., Awaitable[None]]]) -> APIRouter:
    """Routes of a model, under a path whose parameters must be known. All but its health want the API key."""
    router = APIRouter(prefix=prefix, tags=TAGS)
    free = [*map(Depends, known)]
    guarded = [*guard(service.settings.api_key), *free]
    name, version = service.metadata.name, service.metadata.version
    errors = _errors(Unauthorized, UnknownModel, Overloaded)

    @router.get("", dependencies=guarded, responses=errors)
    async def model_metadata() -> ModelMetadata:
        """What the model takes and gives."""
        return ModelMetadata(name=name, versions=[version])

    @router.get("/ready", dependencies=free, responses=_errors(UnknownModel) | draining_answer(ModelReadiness))
    async def model_ready(request: Request, response: Response) -> ModelReadiness:
        """The model can predict."""
        return ModelReadiness(name=name, ready=is_ready(request, response))

    @router.post(
        "/infer",
        dependencies=guarded,
        response_model=InferenceResponse,
        responses=errors
        | _errors(InvalidInference, BodyTimeout, BodyTooLarge)
        | {200: {"content": {"application/octet-stream": BINARY}}},
        openapi_extra={"requestBody": REQUEST_BODY, "parameters": [HEADER_LENGTH_PARAMETER]},
    )
    async def infer(request: Request) -> Response:
        """Classify images: light ink on a dark ground.

        UINT8 [n, 28, 28] from 0 to 255, or FP32 [n, 784] from 0 to 1; as JSON, or binary after the JSON.
        """
        return await answer_inference(service, request)

    return router


async def answer_inference(service: Service, request: Request) -> Response:
    """The answer to an inference request. Raises InvalidInference, and what `read_body` does."""
    sent = await read_body(request)
    header_length = request.headers.get(HEADER_LENGTH)
    size = len(sent) if header_length is None else len(sent) // INLINE_BINARY
    inference = await service.run(size, read_inference, sent, header_length)
    predictions = await service.classify(inference.images)
    name, version = service.metadata.name, service.metadata.version
    body, json_length = await service.run(size, write_inference, inference.request, predictions, name, version)
    if json_length is None:
        return Response(body, media_type="application/json")
    return Response(body, media_type="application/octet-stream", headers={HEADER_LENGTH: str(json_length)})


def _errors(*problems: type[Problem]) -> dict[int | str, dict[str, Any]]:
    errors: dict[int | str, dict[str, Any]] = {
        422: {"model": InferenceError, "description": "A parameter is not valid"}
    }
    return errors | {problem.status: {"model": InferenceError, "description": problem.title} for problem in problems}
