"""Prediction for one image with the project's network, shared by all contestants."""

from typing import Any

import numpy as np
from PIL import Image

from app.classifier import Classifier, Prediction
from app.classifier.weights import DEFAULT_PATH, load

_weights = load(DEFAULT_PATH)
classifier = Classifier(_weights.parameters, _weights.metadata.threshold)


def answer(image: Image.Image) -> dict[str, Any]:
    """Return the response of `/predict` for a valid grey image of 28 x 28 pixels, light on dark."""
    [prediction] = classifier.predict(np.asarray(image)[None]).each()
    return describe(image.format, image.height, image.width, prediction)


def describe(file_format: str | None, height: int, width: int, prediction: Prediction) -> dict[str, Any]:
    """Make the response of `/predict` from an image's format and size and its prediction."""
    three, seven = prediction.probabilities
    return {
        "digit": prediction.digit,
        "probabilities": {"3": round(three, 6), "7": round(seven, 6)},
        "confident": prediction.confident,
        "image": {
            "format": file_format,
            "width": width,
            "height": height,
            "inverted": False,
            "fitted": False,
        },
        "model": {"name": _weights.metadata.name, "version": _weights.metadata.version},
    }
