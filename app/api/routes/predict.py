"""`/predict`, `/predict/batch` and `/explain`."""

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

import numpy as np
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError, to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.api.authentication import guard
from app.api.openapi import problem_responses, sample, shown
from app.api.schemas import BatchResponse, PredictionResponse, batch_response, prediction_response
from app.api.uploads import BATCH_FIELD, BINARY, FIELD, FORMATS, other_type, read_batch, read_upload, upload_body
from app.classifier.pixels import IMAGE_SHAPE
from app.errors import ImageFormat, Problem
from app.preprocessing.decode import DigitImage
from app.preprocessing.polarity import Ink
from app.problem_details import REQUEST_ID, problem_document
from app.service import Service

T = TypeVar("T")

UPLOAD_ERRORS = (*errors.ROUTE_ERRORS, *errors.BODY_ERRORS, errors.InvalidParameter, errors.ImageMissing)


class Options(BaseModel):
    """Query parameters. Unknown ones are refused."""

    fit: bool = Field(False, description="find, scale and centre the digit in an image of any size, not only 28 x 28")
    ink: Ink = Field("auto", description="whether the digit is darker or lighter than its background")

    @model_validator(mode="before")
    @classmethod
    def _check_names(cls, sent: dict[str, Any]) -> dict[str, Any]:
        if unknown := sent.keys() - cls.model_fields.keys():
            names = {"unknown": ", ".join(sorted(unknown)), "known": ", ".join(cls.model_fields)}
            raise PydanticCustomError("unknown", "Unknown query parameter {unknown}. Send any of {known}", names)
        return sent


class ExplainOptions(Options):
    """Query parameters of /explain."""

    colors: bool = Field(True, description="`false` shows the network's input alone, without colours.")


def router(service: Service) -> APIRouter:
    """Make the routes of a service."""
    router = APIRouter(tags=["predict"], dependencies=[*guard(service.settings.api_key), Depends(check_query)])
    one_image = upload_body(FIELD, BINARY, *FORMATS)
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

        Send one image (PNG, JPEG, WebP, BMP or GIF), in the form field `file` or as the body itself.
        Dark digits on a light background and transparent backgrounds work too.
        """
        return await answer_one(service, request, options.fit, options.ink)

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
        return await answer_batch(service, request, options.fit, options.ink)

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
        image = await _read_one(service, request, options.fit, options.ink, ExplainOptions)
        return Response(await service.explain(image, options.colors), media_type="image/png")

    return router


async def check_query(request: Request) -> None:
    """Raise InvalidParameter if a query parameter is repeated. FastAPI would use the last value."""
    for name in ExplainOptions.model_fields:
        if (count := len(request.query_params.getlist(name))) > 1:
            raise errors.InvalidParameter(f"The query parameter {name} is given {count} times. Send it once.")


async def answer_one(service: Service, request: Request, fit: bool, ink: Ink = "auto") -> Response:
    """Classify the image of a request. Raises the same errors as `read_upload` and `Service.read`."""
    image = await _read_one(service, request, fit, ink, Options)
    prediction = await service.classify_one(image)
    answer = prediction_response(prediction, image, service.metadata)
    return Response(to_json(answer), media_type="application/json")


async def answer_batch(service: Service, request: Request, fit: bool, ink: Ink = "auto") -> Response:
    """Classify the images of a request. Raises the same errors as `read_batch`."""
    uploads = await read_batch(request, Options.model_fields, service.settings.max_batch)
    reading = service.read_all([upload.content for upload in uploads], fit, ink)
    read = await (_while_connected(request, reading) if fit else reading)
    path, request_id = request.url.path, request.state.request_id
    images = [problem_document(image, path, request_id) if isinstance(image, Problem) else image for image in read]
    pixels = [image.pixels for image in images if isinstance(image, DigitImage)]
    predictions = await service.classify(np.array(pixels, np.uint8).reshape(len(pixels), *IMAGE_SHAPE))
    filenames = [upload.filename for upload in uploads]
    answer = batch_response(predictions, images, filenames, service.metadata)
    return Response(to_json(answer), media_type="application/json")


async def _read_one(service: Service, request: Request, fit: bool, ink: Ink, query: type[Options]) -> DigitImage:
    """Read the image of a request. If the Content-Type is not an image type, the error lists the ways to upload one."""
    upload = await read_upload(request, query.model_fields)
    reading = service.read(upload, fit, ink)
    try:
        return await (_while_connected(request, reading) if fit else reading)
    except ImageFormat:
        if kind := other_type(request.headers):
            way = f'in the field "{FIELD}" of a multipart form, or as the body'
            raise ImageFormat(f"The body is {kind}. Send a PNG, JPEG, WebP, BMP or GIF {way}.") from None
        raise


async def _while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Await work in the thread. Cancel it if the client disconnects, unless it has begun, so that others need not wait.

    Raises HTTPException if the client disconnects, and what the work raises.
    """
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise HTTPException(400, "The client disconnected before the response.")
        return task.result()
    finally:
        task.cancel()
        gone.cancel()


def _examples(service: Service) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make example responses: for one image, and for a batch with a file that is not an image."""
    predictions = service.classifier.predict(sample().pixels[None])
    [prediction] = predictions.each()
    problem = problem_document(ImageFormat(), "/predict/batch", REQUEST_ID)
    return (
        prediction_response(prediction, sample(), service.metadata),
        batch_response(predictions, [sample(), problem], ["seven.png", "notes.txt"], service.metadata),
    )
