"""What the service answers, as Swagger UI shows it."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field
from pydantic_core import to_json

from app.classifier import Prediction, Predictions
from app.classifier.network import Parameters
from app.classifier.weights import Metadata, Weights
from app.preprocessing.decode import DigitImage
from app.problem_details import ProblemDocument

PROBABILITY_DECIMALS = 6
"""float32 resolves no more than seven just below 1, and the last of them is rounding."""


class ImageInfo(BaseModel):
    """What was found in the upload and done to it."""

    format: str = Field(description="PNG, JPEG, WEBP, BMP or GIF", examples=["PNG"])
    width: int = Field(description="in pixels, as uploaded", examples=[28])
    height: int = Field(description="in pixels, as uploaded", examples=[28])
    inverted: bool = Field(description="whether the ink was darker than its ground", examples=[False])
    fitted: bool = Field(description="whether the digit was found, scaled and centred", examples=[False])


class ModelInfo(BaseModel):
    """Which weights answered."""

    name: str = Field(examples=["three-or-seven"])
    version: str = Field(examples=["1.0.0"])


class PredictionFields(BaseModel):
    """The answer for one image."""

    digit: int = Field(description="the likelier of 3 and 7", examples=[7])
    probabilities: dict[str, float] = Field(
        description='of "3" and of "7", 0 to 1', examples=[{"3": 0.0004, "7": 0.9996}]
    )
    confident: bool = Field(
        description="whether the likelier digit's probability reaches the model's threshold", examples=[True]
    )
    image: ImageInfo


class PredictionResponse(PredictionFields):
    """The answer for one image, and who gave it."""

    model: ModelInfo


class BatchEntry(BaseModel):
    """The answer for one image of a batch, or why there is none."""

    prediction: PredictionFields | None = None
    problem: ProblemDocument | None = None


class BatchResponse(BaseModel):
    """The answers, in the order of the images. One bad image does not spoil the others."""

    predictions: list[BatchEntry]
    model: ModelInfo


class ModelCard(ModelInfo):
    """What the weights file says of itself, and the figures that `evaluate` found."""

    digits: list[int] = Field(examples=[[3, 7]])
    architecture: list[int] = Field(
        description="units of each layer, from the inputs to the outputs", examples=[[784, 512, 256, 2]]
    )
    parameters: int = Field(description="how many weights and biases", examples=[533762])
    threshold: float = Field(description="least probability of the likelier digit that is `confident`", examples=[0.8])
    sha256: str = Field(description="of the weights file")
    training: dict[str, Any] = Field(description="settings of the run that made the weights, and library versions")
    data: dict[str, str] = Field(description="SHA-256 of each uncompressed file of the training data")
    metrics: dict[str, dict[str, Any]] = Field(description="figures on validation and test images")

    @classmethod
    def of(cls, weights: Weights) -> "ModelCard":
        """Describe a weights file."""
        metadata = weights.metadata
        return cls(
            name=metadata.name,
            version=metadata.version,
            digits=list(metadata.digits),
            architecture=list(metadata.architecture),
            parameters=_count(weights.parameters),
            threshold=metadata.threshold,
            sha256=weights.sha256,
            training={name: value for name, value in metadata.training.items() if name != "history"},
            data=metadata.data,
            metrics=metadata.metrics,
        )


def prediction_response(prediction: Prediction, image: DigitImage, metadata: Metadata) -> bytes:
    """A PredictionResponse as JSON.

    It is not validated: we made every field ourselves, and the tests hold each answer to the schema.
    """
    return to_json(_fields(prediction, image) | {"model": _model(metadata)})


def batch_response(
    predictions: Predictions, images: Sequence[DigitImage | ProblemDocument], metadata: Metadata
) -> bytes:
    """A BatchResponse as JSON. The predictions are for those images that are no problems."""
    answers = predictions.each()
    entries = [
        {"prediction": None, "problem": image.model_dump()}
        if isinstance(image, ProblemDocument)
        else {"prediction": _fields(next(answers), image), "problem": None}
        for image in images
    ]
    return to_json({"predictions": entries, "model": _model(metadata)})


class Health(BaseModel):
    """How the service is."""

    status: str = Field(examples=["ready"])


def _fields(prediction: Prediction, image: DigitImage) -> dict[str, Any]:
    three, seven = prediction.probabilities
    return {
        "digit": prediction.digit,
        "probabilities": {"3": round(three, PROBABILITY_DECIMALS), "7": round(seven, PROBABILITY_DECIMALS)},
        "confident": prediction.confident,
        "image": {
            "format": image.format,
            "width": image.width,
            "height": image.height,
            "inverted": image.inverted,
            "fitted": image.fitted,
        },
    }


def _model(metadata: Metadata) -> dict[str, str]:
    return {"name": metadata.name, "version": metadata.version}


def _count(parameters: Parameters) -> int:
    return sum(W.size + b.size for W, b in parameters)
