"""The response documents. mypy checks the functions that fill them, and FastAPI describes them.

They are dictionaries, since nothing has to be validated when they are made.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, cast

from pydantic import Field
from typing_extensions import TypedDict  # Pydantic reads those of `typing` only from Python 3.12 on

from app.classifier import Prediction
from app.classifier.weights import Metadata, Weights
from app.preprocessing.decode import DigitImage, ImageInfo
from app.problem_details import ProblemDocument

PROBABILITY_DECIMALS = 6
"""Number of decimals of a probability. float32 has about seven; the last one is rounding error."""


class ModelInfo(TypedDict):
    """Name and version of the model."""

    name: Annotated[str, Field(examples=["three-or-seven"])]
    version: Annotated[str, Field(examples=["1.1.0"])]


class PredictionFields(TypedDict):
    """The prediction for one image."""

    digit: Annotated[int, Field(description="the likelier of 3 and 7", examples=[7])]
    probabilities: Annotated[
        dict[str, float], Field(description="0 to 1, by digit", examples=[{"3": 0.0004, "7": 0.9996}])
    ]
    confident: Annotated[
        bool,
        Field(
            description="whether the probability reaches the model's threshold and `fit` found no second character",
            examples=[True],
        ),
    ]
    image: ImageInfo


class PredictionResponse(PredictionFields):
    """The prediction for one image, and the model that made it."""

    model: ModelInfo


class BatchEntry(TypedDict):
    """The prediction for one image of a batch, or the problem with it."""

    index: Annotated[int, Field(description="position of the image in the form, from 0", examples=[0])]
    filename: Annotated[str | None, Field(description="as sent in the form", examples=["seven.png"])]
    prediction: PredictionFields | None
    problem: ProblemDocument | None


class BatchResponse(TypedDict):
    """The predictions, in the order of the images. An invalid image does not affect the others."""

    predictions: list[BatchEntry]
    model: ModelInfo


class ModelCard(ModelInfo):
    """The metadata of the weights file, with the metrics of `evaluate`."""

    digits: Annotated[list[int], Field(examples=[[3, 7]])]
    architecture: Annotated[
        list[int], Field(description="units of each layer, inputs first", examples=[[784, 512, 256, 2]])
    ]
    parameters: Annotated[int, Field(description="number of weights and biases", examples=[533762])]
    threshold: Annotated[float, Field(description="minimum probability of a `confident` prediction", examples=[0.8])]
    sha256: Annotated[str, Field(description="SHA-256 of the weights file")]
    training: Annotated[dict[str, Any], Field(description="settings and library versions of the training run")]
    data: Annotated[dict[str, str], Field(description="SHA-256 of each uncompressed file of MNIST")]
    metrics: Annotated[dict[str, dict[str, Any]], Field(description="metrics on validation, test and held-out images")]


class Health(TypedDict):
    """The state of the service."""

    status: Annotated[str, Field(examples=["ready"])]


def prediction_fields(prediction: Prediction, image: DigitImage) -> PredictionFields:
    """Describe the prediction for one image."""
    three, seven = prediction.probabilities
    return {
        "digit": prediction.digit,
        "probabilities": {"3": round(three, PROBABILITY_DECIMALS), "7": round(seven, PROBABILITY_DECIMALS)},
        "confident": prediction.confident and not image.ambiguous,
        "image": image.info,
    }


def prediction_response(prediction: Prediction, image: DigitImage, model: ModelInfo) -> PredictionResponse:
    """Describe the prediction for one image, and the model."""
    return {**prediction_fields(prediction, image), "model": model}


def batch_response(
    results: Sequence[tuple[DigitImage, Prediction] | ProblemDocument],
    filenames: Sequence[str | None],
    model: ModelInfo,
) -> BatchResponse:
    """Describe the results for the images of a batch: an image and its prediction, or a problem."""
    entries: list[BatchEntry] = []
    for index, (result, filename) in enumerate(zip(results, filenames, strict=True)):
        entry: BatchEntry = {"index": index, "filename": filename, "prediction": None, "problem": None}
        if isinstance(result, tuple):
            image, prediction = result
            entry["prediction"] = prediction_fields(prediction, image)
        else:
            entry["problem"] = result
        entries.append(entry)
    return {"predictions": entries, "model": model}


def model_info(metadata: Metadata) -> ModelInfo:
    """Describe the model of a weights file."""
    return {"name": metadata.name, "version": metadata.version}


def model_card(weights: Weights) -> ModelCard:
    """Describe a weights file. The history of the training is left out."""
    fields = asdict(weights.metadata)
    del fields["format_version"]
    fields["training"].pop("history", None)
    count = sum(array.size for layer in weights.parameters for array in layer)
    return cast(ModelCard, {**fields, "parameters": count, "sha256": weights.sha256})
