"""`/v2`: the Open Inference Protocol, for clients of KServe, Triton and MLServer."""

import json
from enum import Enum
from functools import partial
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from app import __version__, errors
from app.api.authentication import guard
from app.api.openapi import HEADERS, problem_responses, reference, sample, shown
from app.api.routes.health import is_ready, readiness
from app.api.uploads import BINARY, read_body
from app.api.v2 import schemas
from app.api.v2.codec import HEADER_LENGTH, json_length, read_inference, write_inference
from app.classifier.pixels import IMAGE_SHAPE
from app.service import Service

TAGS: list[str | Enum] = ["Open Inference Protocol"]

MODEL = "/v2/models/{model}"
MODEL_VERSION = MODEL + "/versions/{version}"
INFER_PATHS = (MODEL + "/infer", MODEL_VERSION + "/infer")

MODEL_ERRORS = (*errors.ROUTE_ERRORS, errors.UnknownModel)
INFERENCE_ERRORS = (*MODEL_ERRORS, *errors.BODY_ERRORS, errors.InvalidInference)

BYTES_PER_JSON_BYTE = 64
"""Number of bytes of a binary tensor that take as long to read as one byte of JSON."""

HEADER_LENGTH_PARAMETER = {"name": HEADER_LENGTH, "in": "header"} | {
    key: HEADERS[HEADER_LENGTH][key] for key in ("description", "required", "schema")
}
"""Description of the header. It has no example, since the example of the body is JSON only."""


def router(service: Service) -> APIRouter:
    """Make the routes of a service."""
    router = APIRouter(tags=TAGS)
    server = schemas.ServerMetadata(name="three-or-seven", version=__version__)

    @router.get(
        "/v2",
        dependencies=guard(service.settings.api_key),
        responses=problem_responses("/v2", *errors.ROUTE_ERRORS) | {200: shown(server)},
    )
    async def server_metadata() -> schemas.ServerMetadata:
        """Return the name, the version and the extensions of the server."""
        return server

    @router.get("/v2/health/live", responses={200: shown(schemas.Liveness(live=True))})
    async def server_live() -> schemas.Liveness:
        """Tell that the process is alive."""
        return schemas.Liveness(live=True)

    @router.get("/v2/health/ready", responses=readiness(schemas.Readiness(ready=True), schemas.Readiness(ready=False)))
    async def server_ready(request: Request, response: Response) -> schemas.Readiness:
        """Tell whether the service can predict."""
        return schemas.Readiness(ready=is_ready(request, response))

    for prefix in (MODEL, MODEL_VERSION):
        router.include_router(_model_router(service, prefix))
    return router


def _model_router(service: Service, prefix: str) -> APIRouter:
    """Make the routes of the model below a path prefix. All but `/ready` require the API key."""
    router = APIRouter(prefix=prefix, tags=TAGS)
    name, version = service.metadata.name, service.metadata.version
    # If FastAPI described the path parameters, it would add a 422 response.
    parameters = [
        {"name": part, "in": "path", "required": True, "schema": {"type": "string", "enum": [value]}}
        for part, value in names(service).items()
        if f"{{{part}}}" in prefix
    ]
    metadata = schemas.ModelMetadata(name=name, versions=[version])
    request_body, response = _described_inference(service)
    guarded, known = guard(service.settings.api_key), [Depends(partial(check_model, service))]

    @router.get(
        "",
        dependencies=[*guarded, *known],
        responses=problem_responses(prefix, *MODEL_ERRORS) | {200: shown(metadata)},
        openapi_extra={"parameters": parameters},
    )
    async def model_metadata() -> schemas.ModelMetadata:
        """Describe the inputs and outputs of the model."""
        return metadata

    @router.get(
        "/ready",
        dependencies=known,
        responses=problem_responses(prefix, errors.UnknownModel)
        | readiness(schemas.ModelReadiness(name=name, ready=True), schemas.ModelReadiness(name=name, ready=False)),
        openapi_extra={"parameters": parameters},
    )
    async def model_ready(request: Request, response: Response) -> schemas.ModelReadiness:
        """Tell whether the model can predict."""
        return schemas.ModelReadiness(name=name, ready=is_ready(request, response))

    @router.post(
        "/infer",
        dependencies=[*guarded, *known],
        response_model=schemas.InferenceResponse,
        responses=problem_responses(prefix, *INFERENCE_ERRORS) | {200: response},
        openapi_extra={"requestBody": request_body, "parameters": [*parameters, HEADER_LENGTH_PARAMETER]},
    )
    async def infer(request: Request) -> Response:
        """Classify images, light digits on a dark background.

        UINT8 [n, 28, 28] from 0 to 255, or FP32 [n, 784] from 0 to 1; as JSON, or binary after the JSON.
        """
        return await answer_inference(service, request)

    return router


async def check_model(service: Service, request: Request) -> None:
    """Raise UnknownModel if the path names another model or version."""
    known = names(service)
    for part, sent in request.path_params.items():
        if sent != known[part]:
            raise errors.UnknownModel(f"There is no {part} {sent!r}. Use {known[part]}.")


async def answer_inference(service: Service, request: Request) -> Response:
    """Classify the images of an inference request. Raises InvalidInference and `read_body`'s errors."""
    sent = await read_body(request)
    length = json_length(sent, request.headers.get(HEADER_LENGTH))
    size = length + (len(sent) - length) // BYTES_PER_JSON_BYTE
    inference, images = await service.run(size, read_inference, sent, length)
    predictions = await service.classify(images)
    body, json_size = await service.run(size, write_inference, inference, predictions, service.metadata)
    if json_size is None:
        return Response(body, media_type="application/json")
    return Response(body, media_type="application/octet-stream", headers={HEADER_LENGTH: str(json_size)})


def names(service: Service) -> dict[str, str]:
    """Return the values of the path parameters."""
    return {"model": service.metadata.name, "version": service.metadata.version}


def _described_inference(service: Service) -> tuple[dict[str, Any], dict[str, Any]]:
    """Describe the request body and the response of an inference by the example of the sample image."""
    pixels = sample().pixels
    data, shape = pixels.ravel().tolist(), [1, *IMAGE_SHAPE]
    tensor = schemas.RequestInput(name=schemas.INPUT, shape=shape, datatype="UINT8", data=data)
    request = schemas.InferenceRequest(inputs=[tensor])
    body, _ = write_inference(request, service.classifier.predict(pixels[None]), service.metadata)
    described = {"schema": reference(schemas.InferenceRequest), "example": request.model_dump(exclude_none=True)}
    response = shown(json.loads(body)) | {"headers": {HEADER_LENGTH: HEADERS[HEADER_LENGTH]}}
    response["content"]["application/octet-stream"] = {"schema": BINARY}
    content = {"application/json": described, "application/octet-stream": {"schema": BINARY}}
    return {"required": True, "content": content}, response
