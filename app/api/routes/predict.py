"""`/predict`, `/predict/batch` and `/explain`."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from app import errors
from app.api.advice import advised
from app.api.authentication import described_key
from app.api.openapi import problem_responses, sample, shown
from app.api.routing import ImageRoute, call
from app.api.schemas import (
    BatchResponse,
    PredictionResponse,
    batch_response,
    model_info,
    prediction_response,
)
from app.api.uploads import (
    BATCH_FIELD,
    BINARY,
    FIELD,
    ExplainOptions,
    Options,
    content_type,
    read_batch,
    read_upload,
    upload_body,
)
from app.errors import ImageFormat, Problem
from app.formats import FORMATS
from app.problem_details import EXAMPLE_REQUEST_ID, problem_document
from app.service import INLINE_BYTES, Service

UPLOAD_ERRORS = (*errors.ROUTE_ERRORS, *errors.BODY_ERRORS, errors.InvalidParameter, errors.ImageMissing)


def routes(service: Service) -> list[BaseRoute]:
    """Make the routes of a service."""
    key, model = described_key(service.settings.api_key), model_info(service.metadata)
    router = APIRouter(tags=["predict"], dependencies=key, route_class=ImageRoute)
    one_image = upload_body(FIELD, BINARY, *(each.media_type for each in FORMATS))
    several = {"type": "array", "items": BINARY, "minItems": 1, "maxItems": service.settings.max_batch}
    example, batch = _examples(service)

    @router.post(
        "/predict",
        response_model=PredictionResponse,
        responses=problem_responses("/predict", *UPLOAD_ERRORS, *errors.IMAGE_ERRORS) | {200: shown(example)},
        openapi_extra=one_image,
    )
    async def predict(request: Request, options: Annotated[Options, Query()]) -> Response:
        """Tell whether an image is a 3 or a 7.

        Send one image, in the form field `file` or as the body itself.
        Dark digits on a light background and transparent backgrounds work too.
        """
        upload = await read_upload(request, Options.model_fields)
        short = len(upload) <= INLINE_BYTES and not options.fit
        try:
            image = await call(service, request, short, service.read, upload, options.fit, options.ink)
        except Problem as problem:
            raise advised(problem, options.fit, content_type(request.headers)) from None
        prediction = await service.classify_one(image)
        return _json(prediction_response(prediction, image, model))

    @router.post(
        "/predict/batch",
        response_model=BatchResponse,
        responses=problem_responses("/predict/batch", *UPLOAD_ERRORS, errors.BatchTooLarge) | {200: shown(batch)},
        openapi_extra=upload_body(BATCH_FIELD, several),
    )
    async def predict_batch(request: Request, options: Annotated[Options, Query()]) -> Response:
        """Tell for each of several images whether it is a 3 or a 7.

        Send each image in a form field `files`. The response has a prediction or a problem for each, in the same order.
        """
        uploads = await read_batch(request, Options.model_fields, service.settings.max_batch)
        files = [upload.content for upload in uploads]
        short = sum(map(len, files)) <= INLINE_BYTES and not options.fit
        results = await call(service, request, short, service.read_and_classify, files, options.fit, options.ink)
        path, request_id = request.url.path, request.state.request_id
        described = [
            problem_document(advised(result, options.fit), path, request_id) if isinstance(result, Problem) else result
            for result in results
        ]
        return _json(batch_response(described, [upload.filename for upload in uploads], model))

    @router.post(
        "/explain",
        response_class=Response,
        responses=problem_responses("/explain", *UPLOAD_ERRORS, *errors.IMAGE_ERRORS)
        | {200: {"description": "280 x 280", "content": {"image/png": {}}}},
        openapi_extra=one_image,
    )
    async def explain(request: Request, options: Annotated[ExplainOptions, Query()]) -> Response:
        """Show which pixels are evidence for 3 and which for 7.

        Send one image as to `/predict`. The response is the network's input, enlarged: orange pixels are evidence for
        3, blue ones for 7 (gradient x input).
        """
        upload = await read_upload(request, ExplainOptions.model_fields)
        fit, ink, colors = options.fit, options.ink, options.colors
        try:
            picture = await call(service, request, False, service.explain, upload, fit, ink, colors)
        except Problem as problem:
            raise advised(problem, options.fit, content_type(request.headers)) from None
        return Response(picture, media_type="image/png")

    return router.routes


def _json(document: Any) -> Response:
    return Response(to_json(document), media_type="application/json")


def _examples(service: Service) -> tuple[PredictionResponse, BatchResponse]:
    """Make example responses: for one image, and for a batch with a file that is not an image."""
    model = model_info(service.metadata)
    [prediction] = service.classifier.predict(sample().pixels[None]).each()
    problem = problem_document(ImageFormat(), "/predict/batch", EXAMPLE_REQUEST_ID)
    return (
        prediction_response(prediction, sample(), model),
        batch_response([(sample(), prediction), problem], ["seven.png", "notes.txt"], model),
    )
