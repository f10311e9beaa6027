"""`/predict`, `/predict/batch` and `/explain`: images in, answers out."""

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request, Response

from app.authentication import guard
from app.classifier.pixels import IMAGE_SHAPE
from app.errors import (
    BatchTooLarge,
    BodyTimeout,
    BodyTooLarge,
    ImageBlank,
    ImageFormat,
    ImageMissing,
    ImageSize,
    ImageTooLarge,
    ImageUnreadable,
    Overloaded,
    Problem,
    Unauthorized,
)
from app.explanation import explain as draw
from app.images import DigitImage
from app.problems import problem_document
from app.schemas import BatchResponse, PredictionResponse, problem_responses
from app.service import Service
from app.uploads import REQUEST_BODY, batch_body, read_batch, read_upload

OF_REQUESTS = (Unauthorized, BodyTimeout, BodyTooLarge, ImageMissing, Overloaded)
OF_IMAGES = (ImageTooLarge, ImageFormat, ImageUnreadable, ImageSize, ImageBlank)

Fit = Annotated[
    bool,
    Query(
        description="Take an image of any size, find the digit in it, scale and centre it. For photos and drawings;"
        " without it the image must be 28 x 28."
    ),
]

Colors = Annotated[bool, Query(description="Without colours the picture shows what the network saw, and no more.")]


def router(service: Service) -> APIRouter:
    """Routes that answer with this service."""
    router = APIRouter(tags=["predict"], dependencies=guard(service.settings.api_key))
    one_image = {"requestBody": REQUEST_BODY}
    problems = problem_responses(*OF_REQUESTS, *OF_IMAGES)

    @router.post("/predict", responses=problems, openapi_extra=one_image)
    async def predict(request: Request, fit: Fit = False) -> PredictionResponse:
        """Is this image a 3 or a 7?

        Send one image (PNG, JPEG, WebP, BMP or GIF), in the form field `file` or as the body itself.
        Dark ink on a light ground and transparent grounds are understood.
        """
        image = await service.read(await read_upload(request), fit)
        predictions = await service.classify(image.pixels[None])
        return PredictionResponse.of(predictions, image, service.metadata)

    @router.post(
        "/predict/batch",
        responses=problem_responses(*OF_REQUESTS, BatchTooLarge),
        openapi_extra={"requestBody": batch_body(service.settings.max_batch)},
    )
    async def predict_batch(request: Request, fit: Fit = False) -> BatchResponse:
        """Is each of these images a 3 or a 7?

        Send the images in form fields `files`. Each gets an answer or a problem of its own, in their order.
        """
        read = await service.read_all(await read_batch(request, service.settings.max_batch), fit)
        images = [problem_document(request, image) if isinstance(image, Problem) else image for image in read]
        pixels = [image.pixels for image in images if isinstance(image, DigitImage)]
        predictions = await service.classify(np.array(pixels, np.uint8).reshape(len(pixels), *IMAGE_SHAPE))
        return BatchResponse.of(predictions, images, service.metadata)

    @router.post(
        "/explain",
        response_class=Response,
        responses=problems | {200: {"description": "280 x 280", "content": {"image/png": {}}}},
        openapi_extra=one_image,
    )
    async def explain(request: Request, fit: Fit = False, colors: Colors = True) -> Response:
        """Which pixels spoke for 3, and which for 7?

        Send one image as to `/predict`. Back comes the picture that the network saw, enlarged: orange pixels spoke
        for 3, blue ones for 7 (gradient x input).
        """
        image = await service.read(await read_upload(request), fit)
        return Response(draw(service.classifier.parameters, image.pixels, colors), media_type="image/png")

    return router
