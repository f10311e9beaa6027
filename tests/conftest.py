"""Fixtures and constants of all tests."""

import io
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pooch
import pytest
from PIL import Image

from app.classifier import Classifier
from app.classifier.weights import DEFAULT_PATH, load
from model_training.images.mnist import DataError, Digits, Mnist, load_mnist
from tests.serving import Server, serve

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).parent / "data"
SEVEN = (DATA / "seven.png").read_bytes()
THREE = (DATA / "three.png").read_bytes()
_MODEL = "/v2/models/three-or-seven"
HEALTH = [
    *("/livez", "/readyz", "/health", "/metrics", "/v2/health/live", "/v2/health/ready"),
    *(f"{_MODEL}/ready", f"{_MODEL}/versions/{load(DEFAULT_PATH).metadata.version}/ready"),
]
"""Paths that need no API key and are not subject to `max_in_flight`."""


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Encode an image with Pillow."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail skipped tests under CI."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"skipped under CI: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def digits() -> Digits:
    """The 2,038 threes and sevens of MNIST's test images."""
    with np.load(DATA / "mnist-test.npz") as arrays:
        return Digits(arrays["digits_images"], arrays["digits_labels"])


@pytest.fixture(scope="session")
def others() -> Digits:
    """50 of each other digit of MNIST's test images."""
    with np.load(DATA / "mnist-test.npz") as arrays:
        return Digits(arrays["others_images"], arrays["others_labels"])


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    """The committed network and its threshold."""
    weights = load(DEFAULT_PATH)
    return Classifier(weights.parameters, weights.metadata.threshold)


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """A folder with all of MNIST."""
    folder = Path(os.environ.get("THREE_OR_SEVEN_MNIST") or pooch.os_cache("three-or-seven"))
    try:
        load_mnist(folder)
    except DataError as error:
        pytest.skip(f"{error} Train once to download MNIST, or set THREE_OR_SEVEN_MNIST to a folder that holds it.")
    return folder


@pytest.fixture(scope="session")
def mnist(mnist_folder: Path) -> Mnist:
    """All of MNIST."""
    return load_mnist(mnist_folder)


@pytest.fixture(scope="session")
def default_server() -> Iterator[Server]:
    """The service with the committed weights and default settings."""
    with serve() as server:
        yield server


@pytest.fixture(scope="session")
def client(default_server: Server) -> Iterator[httpx2.Client]:
    """An HTTP client of that service."""
    with httpx2.Client(base_url=default_server.url) as client:
        yield client


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The service with the command-line options in the module's constant OPTIONS."""
    with serve(*request.module.OPTIONS) as server:
        yield server
    assert "Traceback" not in "".join(server.log)


@pytest.fixture(scope="module")
def server_client(server: Server) -> Iterator[httpx2.Client]:
    """An HTTP client of that service."""
    with httpx2.Client(base_url=server.url) as client:
        yield client
