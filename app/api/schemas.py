"""What the service answers, as Swagger UI shows it."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from app.classifier import Prediction, Predictions
from app.classifier.weights import Metadata, Weights
from app.preprocessing.decode import DigitImage
from app.problem_details import ProblemDocument

PROBABILITY_DECIMALS = 6
"""float32 resolves no more than seven just below 1, and the last of them is rounding."""


class CropInfo(BaseModel):
    """Where the digit was found in the upright image, in pixels."""

    model_config = ConfigDict(from_attributes=True)

    x: int = Field(examples=[450])
    y: int = Field(examples=[60])
    width: int = Field(examples=[80])
    height: int = Field(examples=[120])


class ImageInfo(BaseModel):
    """What was found in the upload and done to it."""

    model_config = ConfigDict(from_attributes=True)

    format: str = Field(description="PNG, JPEG, WEBP, BMP or GIF", examples=["PNG"])
    width: int = Field(description="in pixels, as uploaded", examples=[28])
    height: int = Field(description="in pixels, as uploaded", examples=[28])
    inverted: bool = Field(description="whether the ink was darker than its ground", examples=[False])
    fitted: bool = Field(description="whether the digit was found, scaled and centred", examples=[False])
    crop: CropInfo | None = Field(
        default=None, description="where the digit was found, if it was fitted", examples=[None]
    )


class ModelInfo(BaseModel):
    """Which weights answered."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(examples=["three-or-seven"])
    version: str = Field(examples=["1.0.0"])


class PredictionFields(BaseModel):
    """The answer for one image."""

    digit: int = Field(description="the likelier of 3 and 7", examples=[7])
    probabilities: dict[str, float] = Field(
        description='of "3" and of "7", 0 to 1', examples=[{"3": 0.0004, "7": 0.9996}]
    )
    confident: bool = Field(
        description="whether the likelier digit's probability reaches the model's threshold, and `fit` left out no"
        " second digit or letter",
        examples=[True],
    )
    image: ImageInfo

    @classmethod
    def of(cls, prediction: Prediction, image: DigitImage, **more: Any) -> Self:
        """Describe the prediction for an image. The inner models are made from the attributes of these objects."""
        three, seven = prediction.probabilities
        return cls(
            digit=prediction.digit,
            probabilities={"3": round(three, PROBABILITY_DECIMALS), "7": round(seven, PROBABILITY_DECIMALS)},
            confident=prediction.confident and not image.ambiguous,
            image=image,
            **more,
        )


class PredictionResponse(PredictionFields):
    """The answer for one image, and who gave it."""

    model: ModelInfo


class BatchEntry(BaseModel):
    """The prediction for one image of a batch, or the problem with it."""

    index: int = Field(description="position of the image in the form, from 0", examples=[0])
    filename: str | None = Field(None, description="as sent in the form", examples=["seven.png"])
    prediction: PredictionFields | None = None
    problem: ProblemDocument | None = None


class BatchResponse(BaseModel):
    """The answers, in the order of the images. One bad image does not affect the others."""

    predictions: list[BatchEntry]
    model: ModelInfo

    @classmethod
    def of(
        cls,
        predictions: Predictions,
        images: Sequence[DigitImage | ProblemDocument],
        filenames: Sequence[str | None],
        metadata: Metadata,
    ) -> Self:
        """Describe the predictions for the images that were read, and the problems with the others."""
        answers = predictions.each()
        entries = [BatchEntry(index=index, filename=filename) for index, filename in enumerate(filenames)]
        for entry, image in zip(entries, images, strict=True):
            if isinstance(image, ProblemDocument):
                entry.problem = image
            else:
                entry.prediction = PredictionFields.of(next(answers), image)
        return cls(predictions=entries, model=metadata)


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
        fields = asdict(weights.metadata)
        fields["training"].pop("history", None)
        count = sum(array.size for layer in weights.parameters for array in layer)
        return cls(**fields, parameters=count, sha256=weights.sha256)


class Health(BaseModel):
    """How the service is."""

    status: str = Field(examples=["ready"])
