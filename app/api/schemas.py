"""The response documents."""

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, Field

from app.classifier import Prediction, Predictions
from app.classifier.weights import Metadata, Weights
from app.preprocessing.decode import DigitImage
from app.problem_details import ProblemDocument

PROBABILITY_DECIMALS = 6
"""Number of decimals of a probability. float32 has about seven; the last one is rounding error."""


class CropInfo(BaseModel):
    """Bounding box of the digit in the upright image, in pixels."""

    x: int = Field(examples=[450])
    y: int = Field(examples=[60])
    width: int = Field(examples=[80])
    height: int = Field(examples=[120])


class ImageInfo(BaseModel):
    """Properties of the upload and of its preprocessing."""

    format: str = Field(description="PNG, JPEG, WEBP, BMP or GIF", examples=["PNG"])
    width: int = Field(description="in pixels, as uploaded", examples=[28])
    height: int = Field(description="in pixels, as uploaded", examples=[28])
    inverted: bool = Field(description="whether the digit was darker than its background", examples=[False])
    fitted: bool = Field(description="whether the digit was found, scaled and centred", examples=[False])
    crop: CropInfo | None = Field(None, description="bounding box of the digit, if it was fitted", examples=[None])


class ModelInfo(BaseModel):
    """Name and version of the model."""

    name: str = Field(examples=["three-or-seven"])
    version: str = Field(examples=["1.1.0"])


class PredictionFields(BaseModel):
    """The prediction for one image."""

    digit: int = Field(description="the likelier of 3 and 7", examples=[7])
    probabilities: dict[str, float] = Field(description="0 to 1, by digit", examples=[{"3": 0.0004, "7": 0.9996}])
    confident: bool = Field(
        description="whether the probability reaches the model's threshold and `fit` found no second digit or letter",
        examples=[True],
    )
    image: ImageInfo


class PredictionResponse(PredictionFields):
    """The prediction for one image, and the model that made it."""

    model: ModelInfo


class BatchEntry(BaseModel):
    """The prediction for one image of a batch, or the problem with it."""

    index: int = Field(description="position of the image in the form, from 0", examples=[0])
    filename: str | None = Field(None, description="as sent in the form", examples=["seven.png"])
    prediction: PredictionFields | None = None
    problem: ProblemDocument | None = None


class BatchResponse(BaseModel):
    """The predictions, in the order of the images. An invalid image does not affect the others."""

    predictions: list[BatchEntry]
    model: ModelInfo


def prediction_response(prediction: Prediction, image: DigitImage, metadata: Metadata) -> dict[str, Any]:
    """Make a `PredictionResponse` as a dictionary. Validation would take as long as the decoding of the image."""
    return prediction_fields(prediction, image) | {"model": model_info(metadata)}


def batch_response(
    predictions: Predictions, images: list[DigitImage | ProblemDocument], names: list[str | None], metadata: Metadata
) -> dict[str, Any]:
    """Make a `BatchResponse` as a dictionary. `predictions` has one prediction for each valid image."""
    remaining = predictions.each()
    entries = []
    for index, (image, name) in enumerate(zip(images, names, strict=True)):
        problem = image.model_dump() if isinstance(image, ProblemDocument) else None
        prediction = None if isinstance(image, ProblemDocument) else prediction_fields(next(remaining), image)
        entries.append({"index": index, "filename": name, "prediction": prediction, "problem": problem})
    return {"predictions": entries, "model": model_info(metadata)}


def prediction_fields(prediction: Prediction, image: DigitImage) -> dict[str, Any]:
    """Make `PredictionFields` as a dictionary."""
    three, seven = prediction.probabilities
    return {
        "digit": prediction.digit,
        "probabilities": {"3": round(three, PROBABILITY_DECIMALS), "7": round(seven, PROBABILITY_DECIMALS)},
        "confident": prediction.confident and not image.ambiguous,
        "image": {
            "format": image.format,
            "width": image.width,
            "height": image.height,
            "inverted": image.inverted,
            "fitted": image.fitted,
            "crop": image.crop and image.crop._asdict(),
        },
    }


def model_info(metadata: Metadata) -> dict[str, str]:
    """Make a `ModelInfo` as a dictionary."""
    return {"name": metadata.name, "version": metadata.version}


class ModelCard(ModelInfo):
    """The metadata of the weights file, with the metrics of `evaluate`."""

    digits: list[int] = Field(examples=[[3, 7]])
    architecture: list[int] = Field(description="units of each layer, inputs first", examples=[[784, 512, 256, 2]])
    parameters: int = Field(description="number of weights and biases", examples=[533762])
    threshold: float = Field(description="minimum probability of a `confident` prediction", examples=[0.8])
    sha256: str = Field(description="SHA-256 of the weights file")
    training: dict[str, Any] = Field(description="settings and library versions of the training run")
    data: dict[str, str] = Field(description="SHA-256 of each uncompressed file of the training data")
    metrics: dict[str, dict[str, Any]] = Field(description="metrics on validation, test and held-out images")

    @classmethod
    def of(cls, weights: Weights) -> "ModelCard":
        """Describe a weights file."""
        fields = asdict(weights.metadata)
        fields["training"].pop("history", None)
        count = sum(array.size for layer in weights.parameters for array in layer)
        return cls(**fields, parameters=count, sha256=weights.sha256)


class Health(BaseModel):
    """The state of the service."""

    status: str = Field(examples=["ready"])
