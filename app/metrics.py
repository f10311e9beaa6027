"""Prometheus metrics: requests, decoding, forward passes, predictions and their confidence."""

import os
from collections import Counter as Counts
from functools import cache, partial
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from app import __version__
from app.classifier import Predictions
from app.classifier.pixels import DIGITS
from app.classifier.weights import Weights

SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Buckets from one forward pass to a photo that waits behind others"""

CONFIDENCE = (0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99, 0.999)

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable with the folder in which workers share metrics; prometheus_client reads it on import"""


class Metrics:
    """The collectors of one service, or of one of its workers, whose figures are summed in the exposition."""

    def __init__(self, weights: Weights) -> None:
        self._registry = CollectorRegistry()
        gauge, histogram = partial(Gauge, registry=self._registry), partial(Histogram, registry=self._registry)
        requests = histogram(
            "http_request_duration_seconds",
            "From the first byte of the request's head to the last of the response",
            ["method", "route", "status"],
            buckets=SECONDS,
        )
        self.request = cache(lambda method, route, status: requests.labels(method, route, str(status)))
        """The histogram of requests with these labels, of which there are few"""
        self.in_flight = gauge("http_requests_in_flight", "Requests in flight", multiprocess_mode="livesum")
        predictions = Counter(
            "predictions", "Images classified, by answer", ["digit", "confident"], registry=self._registry
        )
        self._answers = {
            (digit, confident): predictions.labels(str(digit), str(confident).lower())
            for digit in DIGITS
            for confident in (False, True)
        }
        self._confidence = histogram(
            "prediction_confidence",
            "Probability of the likelier digit; a drift of its distribution means other images than before",
            buckets=CONFIDENCE,
        )
        self.decode = histogram(
            "image_decode_seconds", "From bytes to 28 x 28 pixels, the images of one request", buckets=SECONDS
        )
        self.forward = histogram("forward_seconds", "One forward pass", buckets=SECONDS)
        info = gauge(
            "three_or_seven_info",
            "Always 1; the labels say what runs",
            ["version", "model_version", "weights_sha256", "numpy_version"],
            multiprocess_mode="livemax",
        )
        info.labels(__version__, weights.metadata.version, weights.sha256, version("numpy")).set(1)

    def count(self, predictions: Predictions) -> None:
        """Count predictions by digit and confidence."""
        answers = zip(predictions.digits.tolist(), predictions.confident.tolist(), strict=True)
        for answer, count in Counts(answers).items():
            self._answers[answer].inc(count)
        for confidence in predictions.probabilities.max(axis=1).tolist():
            self._confidence.observe(confidence)

    def exposition(self) -> bytes:
        """Return the metrics of all workers in Prometheus' text format."""
        registry = self._registry
        if SHARED_FOLDER in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
