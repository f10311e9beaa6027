"""What the service answers, as Swagger UI shows it."""

from typing import Any

from pydantic import BaseModel, Field

from app.classifier import Predictions
from app.classifier.pixels import DIGITS
from app.classifier.weights import Metadata
from app.errors import Problem
from app.images import DigitImage

PROBABILITY_DECIMALS = 6
"""float32 resolves no more than seven just below 1, and the last of them is rounding."""


class ImageInfo(BaseModel):
    """What was found in the upload and done to it."""

    format: str = Field(description="PNG, JPEG, WEBP, BMP or GIF", examples=["PNG"])
    width: int = Field(description="in pixels, as uploaded", examples=[28])
    height: int = Field(description="in pixels, as uploaded", examples=[28])
    inverted: bool = Field(description="whether the ink was darker than its ground", examples=[False])


class ModelInfo(BaseModel):
    """Which weights answered."""

    name: str = Field(examples=["three-or-seven"])
    version: str = Field(examples=["1.0.0"])


class PredictionResponse(BaseModel):
    """The answer for one image."""

    digit: int = Field(description="the likelier of 3 and 7", examples=[7])
    probabilities: dict[str, float] = Field(
        description='of "3" and of "7", 0 to 1', examples=[{"3": 0.0004, "7": 0.9996}]
    )
    confident: bool = Field(
        description="whether the likelier digit's probability reaches the model's threshold", examples=[True]
    )
    image: ImageInfo
    model: ModelInfo

    @classmethod
    def of(cls, predictions: Predictions, image: DigitImage, metadata: Metadata) -> "PredictionResponse":
        """Describe the first prediction and the image it is for."""
        probabilities = predictions.probabilities[0].tolist()
        return cls(
            digit=int(predictions.digits[0]),
            probabilities={
                str(digit): round(p, PROBABILITY_DECIMALS) for digit, p in zip(DIGITS, probabilities, strict=True)
            },
            confident=bool(predictions.confident[0]),
            image=ImageInfo(format=image.format, width=image.width, height=image.height, inverted=image.inverted),
            model=ModelInfo(name=metadata.name, version=metadata.version),
        )


class Health(BaseModel):
    """How the service is."""

    status: str


class ProblemDocument(BaseModel):
    """Why a request was refused (RFC 9457)."""

    type: str = Field(description="stable name of the kind of problem")
    title: str = Field(description="the same words for every problem of the type")
    status: int = Field(description="the HTTP status code")
    detail: str = Field(description="what was wrong and what to do")
    instance: str = Field(description="path of the request")
    request_id: str = Field(description="also in the X-Request-ID header and in the log")


def problem_responses(*problems: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """Describe in the OpenAPI schema which problems a route answers with."""
    responses: dict[int | str, dict[str, Any]] = {}
    for problem in problems:
        earlier = responses.get(problem.status, {}).get("description")
        description = f"{earlier} · {problem.title}" if earlier else problem.title
        schema = ProblemDocument.model_json_schema()
        responses[problem.status] = {
            "description": description,
            "content": {"application/problem+json": {"schema": schema}},
        }
    return responses
