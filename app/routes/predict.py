"""`POST /predict`: one image in, one digit out."""

from fastapi import APIRouter, Request

from app.classifier import Classifier
from app.classifier.weights import Metadata
from app.errors import BodyTooLarge, ImageBlank, ImageFormat, ImageMissing, ImageSize, ImageTooLarge, ImageUnreadable
from app.images import read_digit
from app.schemas import PredictionResponse, problem_responses
from app.settings import Settings
from app.uploads import REQUEST_BODY, read_upload

PROBLEMS = problem_responses(
    BodyTooLarge, ImageTooLarge, ImageFormat, ImageMissing, ImageUnreadable, ImageSize, ImageBlank
)


def router(classifier: Classifier, metadata: Metadata, settings: Settings) -> APIRouter:
    """Routes that answer with this classifier."""
    router = APIRouter(tags=["predict"])

    @router.post("/predict", responses=PROBLEMS, openapi_extra={"requestBody": REQUEST_BODY})
    async def predict(request: Request) -> PredictionResponse:
        """Is this image a 3 or a 7?

        Send one 28 x 28 image (PNG, JPEG, WebP, BMP or GIF), in the form field `file` or as the body itself.
        Dark ink on a light ground and transparent grounds are understood.
        """
        image = read_digit(await read_upload(request), settings.max_image_pixels)
        predictions = classifier.predict(image.pixels[None])
        return PredictionResponse.of(predictions, image, metadata)

    return router
