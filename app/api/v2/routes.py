"""`/v2`: the Open Inference Protocol, for clients of KServe, Triton and MLServer."""

import json
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.routing import BaseRoute

from app import __version__, errors
from app.api.authentication import described_key
from app.api.openapi import HEADER_LENGTH, HEADERS, problem_responses, sample, shown
from app.api.routes.health import is_ready, readiness
from app.api.routing import GuardedRoute, ImageRoute, ProbeRoute, call
from app.api.uploads import BINARY, read_body
from app.api.v2 import schemas
from app.api.v2.codec import json_length, read_inference, write_inference
from app.classifier.pixels import IMAGE_SHAPE
from app.service import INLINE_BYTES, INLINE_TENSOR_BYTES, Service

TAG = "Open Inference Protocol"

MODEL = "/v2/models/{model}"
MODEL_PATHS = (MODEL, MODEL + "/versions/{version}")

MODEL_ERRORS = (*errors.ROUTE_ERRORS, errors.UnknownModel)
INFERENCE_ERRORS = (*MODEL_ERRORS, *errors.BODY_ERRORS, errors.InvalidInference)

HEADER_LENGTH_PARAMETER = {"name": HEADER_LENGTH, "in": "header"} | {
    key: HEADERS[HEADER_LENGTH][key] for key in ("description", "required", "schema")
}
"""Description of the header. It has no example, since the example of the body is JSON only."""


def health_routes(service: Service) -> list[BaseRoute]:
    """Make the routes for the state of the server and of the model. They need no API key."""
    router = APIRouter(tags=[TAG], route_class=ProbeRoute)
    name = service.metadata.name

    @router.get("/v2/health/live", responses={200: shown(schemas.Liveness(live=True))})
    async def server_live() -> schemas.Liveness:
        """Report that the process is running."""
        return {"live": True}

    @router.get(
        "/v2/health/ready",
        responses=readiness(schemas.Readiness, schemas.Readiness(ready=True), schemas.Readiness(ready=False)),
    )
    async def server_ready(request: Request, response: Response) -> schemas.Readiness:
        """Report whether the service can predict."""
        return {"ready": is_ready(request, response)}

    async def model_ready(request: Request, response: Response) -> schemas.ModelReadiness:
        """Report whether the model can predict."""
        check_model(service, request)
        return {"name": name, "ready": is_ready(request, response)}

    answers = [schemas.ModelReadiness(name=name, ready=ready) for ready in (True, False)]
    for path in MODEL_PATHS:
        router.get(
            f"{path}/ready",
            responses=problem_responses(path, errors.UnknownModel) | readiness(schemas.ModelReadiness, *answers),
            openapi_extra={"parameters": _path_parameters(service, path)},
        )(model_ready)
    return router.routes


def metadata_routes(service: Service) -> list[BaseRoute]:
    """Make the routes that describe the server and the model."""
    router = APIRouter(tags=[TAG], dependencies=described_key(service.settings.api_key), route_class=GuardedRoute)
    server = schemas.ServerMetadata(name="three-or-seven", version=__version__, extensions=["binary_tensor_data"])
    metadata = schemas.model_metadata(service.metadata.name, service.metadata.version)

    @router.get("/v2", responses=problem_responses("/v2", *errors.ROUTE_ERRORS) | {200: shown(server)})
    async def server_metadata() -> schemas.ServerMetadata:
        """Return the name, the version and the extensions of the server."""
        return server

    async def model_metadata(request: Request) -> schemas.ModelMetadata:
        """Describe the inputs and outputs of the model."""
        check_model(service, request)
        return metadata

    for path in MODEL_PATHS:
        router.get(
            path,
            responses=problem_responses(path, *MODEL_ERRORS) | {200: shown(metadata)},
            openapi_extra={"parameters": _path_parameters(service, path)},
        )(model_metadata)
    return router.routes


def inference_routes(service: Service) -> list[BaseRoute]:
    """Make the routes that classify images."""
    router = APIRouter(tags=[TAG], dependencies=described_key(service.settings.api_key), route_class=ImageRoute)
    request_body, response = _described_inference(service)

    def classify(body: bytes, length: int) -> tuple[bytes, int | None]:
        inference, inputs = read_inference(body, length)
        return write_inference(inference, service.classify(inputs), service.metadata)

    async def infer(request: Request) -> Response:
        """Classify images, light digits on a dark background.

        UINT8 [n, 28, 28] from 0 to 255, or FP32 [n, 784] from 0 to 1; as JSON (up to 2 MiB) or binary.
        """
        check_model(service, request)
        body = await read_body(request)
        length = json_length(body, request.headers.get(HEADER_LENGTH))
        short = length <= INLINE_BYTES and len(body) - length <= INLINE_TENSOR_BYTES
        answer, json_size = await call(service, request, short, classify, body, length)
        if json_size is None:
            return Response(answer, media_type="application/json")
        return Response(answer, media_type="application/octet-stream", headers={HEADER_LENGTH: str(json_size)})

    for path in MODEL_PATHS:
        router.post(
            f"{path}/infer",
            response_model=schemas.InferenceResponse,
            responses=problem_responses(path, *INFERENCE_ERRORS) | {200: response},
            openapi_extra={
                "requestBody": request_body,
                "parameters": [*_path_parameters(service, path), HEADER_LENGTH_PARAMETER],
            },
        )(infer)
    return router.routes


def check_model(service: Service, request: Request) -> None:
    """Raise UnknownModel if the path names another model or version."""
    for part, known in _names(service).items():
        sent = request.path_params.get(part, known)
        if sent != known:
            raise errors.UnknownModel(part=part, sent=sent, known=known)


def _names(service: Service) -> dict[str, str]:
    """Return the values of the path parameters."""
    return {"model": service.metadata.name, "version": service.metadata.version}


def _path_parameters(service: Service, path: str) -> list[dict[str, Any]]:
    """Describe the parameters of a path. If FastAPI described them, it would add a 422 response."""
    return [
        {"name": part, "in": "path", "required": True, "schema": {"type": "string", "enum": [value]}}
        for part, value in _names(service).items()
        if f"{{{part}}}" in path
    ]


def _described_inference(service: Service) -> tuple[dict[str, Any], dict[str, Any]]:
    """Describe the request body and the response of an inference by the example of the sample image."""
    pixels = sample().pixels
    tensor = schemas.Uint8Tensor(name=schemas.INPUT, shape=[1, *IMAGE_SHAPE], data=[*pixels.ravel().tolist()])
    example = schemas.InferenceRequest(inputs=[tensor])
    body, _ = write_inference(example, service.classifier.predict(pixels[None]), service.metadata)
    content = {
        "application/json": {"schema": schemas.REQUEST_SCHEMA, "example": msgspec.to_builtins(example)},
        "application/octet-stream": {"schema": BINARY},
    }
    response = shown(json.loads(body)) | {"headers": {HEADER_LENGTH: HEADERS[HEADER_LENGTH]}}
    response["content"]["application/octet-stream"] = {"schema": BINARY}
    return {"required": True, "content": content}, response
