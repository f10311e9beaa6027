"""One known image, read before the service takes any other: weights, decoder and arithmetic work together."""

from functools import cache
from pathlib import Path

from app.classifier import Classifier
from app.classifier.pixels import PIXELS
from app.classifier.weights import Weights, WeightsError, load
from app.preprocessing.decode import DigitImage, read_digit

SAMPLE = Path(__file__).parent / "static" / "samples" / "7.png"
DIGIT = 7


def load_tested(path: Path) -> Weights:
    """Load weights and run the self-test on them. Raises WeightsError."""
    weights = load(path)
    check(Classifier(weights.parameters, weights.metadata.threshold), path)
    return weights


@cache
def sample() -> DigitImage:
    """Read the test image."""
    return read_digit(SAMPLE.read_bytes(), max_pixels=PIXELS)


def check(classifier: Classifier, path: Path) -> None:
    """Raise WeightsError, naming the weights' path, if the test image is not read as what it shows."""
    digits, _, confident = classifier.predict(sample().pixels[None])
    if digits[0] != DIGIT or not confident[0]:
        raise WeightsError(f"Cannot use the weights file {path}: with it a clear {DIGIT} is not read as one.")
