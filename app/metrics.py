"""Prometheus metrics: requests, decoding, forward passes, predictions and their confidence."""

import os
from collections import Counter as Counts
from functools import cache, partial
from importlib.metadata import version
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from app import __version__
from app.classifier import Predictions
from app.classifier.pixels import DIGITS
from app.classifier.weights import Weights

SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Histogram buckets of durations: from one forward pass to a photo that waits for others."""

CONFIDENCE = (0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99, 0.999)
"""Histogram buckets of the likelier digit's probability."""

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable: the folder in which workers share metrics. prometheus_client reads it on import."""


class Metrics:
    """The collectors of one process; the exposition combines those of all workers."""

    def __init__(self, weights: Weights) -> None:
        self._registry = CollectorRegistry()
        gauge, histogram = partial(Gauge, registry=self._registry), partial(Histogram, registry=self._registry)
        requests = histogram(
            "http_request_duration_seconds",
            "Time from the end of the request head to the end of the response",
            ["method", "route", "status"],
            buckets=SECONDS,
        )
        self.request = cache(lambda method, route, status: requests.labels(method, route, str(status)))
        """Return the histogram of requests with these labels. Few values are possible, so the cache stays small."""
        self.in_flight = gauge("http_requests_in_flight", "Requests in flight", multiprocess_mode="livesum")
        labels = ["digit", "confident"]
        description = "Images classified. `confident` is the network's, before fit looks for a second digit"
        predictions = Counter("predictions", description, labels, registry=self._registry)
        self._predictions = {
            (digit, confident): predictions.labels(str(digit), str(confident).lower())
            for digit, confident in product(DIGITS, (False, True))
        }
        description = "Probability of the likelier digit. If its distribution changes, the images have changed"
        self._confidence = histogram("prediction_confidence", description, buckets=CONFIDENCE)
        self.decode = histogram("image_decode_seconds", "Time to decode the images of a request", buckets=SECONDS)
        self.forward = histogram("forward_seconds", "Time of a forward pass", buckets=SECONDS)
        labels = ["version", "model_version", "weights_sha256", "numpy_version"]
        info = gauge("three_or_seven_info", "Always 1; the labels are versions", labels, multiprocess_mode="livemax")
        info.labels(__version__, weights.metadata.version, weights.sha256, version("numpy")).set(1)

    def count(self, predictions: Predictions) -> None:
        """Count predictions by digit and confidence."""
        labels = zip(predictions.digits.tolist(), predictions.confident.tolist(), strict=True)
        for label, count in Counts(labels).items():
            self._predictions[label].inc(count)
        for confidence in predictions.probabilities.max(axis=1).tolist():
            self._confidence.observe(confidence)

    def exposition(self) -> bytes:
        """Return the metrics of all workers in Prometheus' text format."""
        registry = self._registry
        if SHARED_FOLDER in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
