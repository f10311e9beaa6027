"""Loads MNIST: four IDX files from a folder, the cache or a mirror, each checked against its SHA-256."""

import gzip
import hashlib
import shutil
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pooch
import requests
from numpy.typing import NDArray

MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""Checksums of the uncompressed files, since the compressed ones differ between mirrors."""

MIRRORS = ["https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"]
"""Base URLs, tried in this order. Each has the four files with the suffix `.gz`."""


class DataError(Exception):
    """The data cannot be loaded. The message says what was tried and what to do."""


class Digits(NamedTuple):
    """Images with their labels."""

    images: NDArray[np.uint8]
    """(n, 28, 28), light ink on a dark background"""
    labels: NDArray[np.uint8]
    """(n,), 0 to 9"""

    def take(self, chosen: NDArray[np.integer] | NDArray[np.bool_]) -> "Digits":
        """Return the images at these indices, or those for which a mask (n,) is true."""
        return Digits(self.images[chosen], self.labels[chosen])

    def only(self, *digits: int) -> "Digits":
        """Return the images of these digits."""
        return self.take(np.isin(self.labels, list(digits)))

    def without(self, *digits: int) -> "Digits":
        """Return the images of all other digits."""
        return self.only(*set(range(10)) - set(digits))

    def split(self, fraction: float, rng: np.random.Generator) -> tuple["Digits", "Digits"]:
        """Split randomly and stratified by digit. Returns the rest, and `fraction` of the images."""
        parts = []
        for digit in np.unique(self.labels):
            order = rng.permutation(np.flatnonzero(self.labels == digit))
            parts.append(np.split(order, [len(order) - round(fraction * len(order))]))
        rest, held_out = (np.sort(np.concatenate(side)) for side in zip(*parts, strict=True))
        return self.take(rest), self.take(held_out)


def concatenated(*parts: Digits) -> Digits:
    """Return all images of the parts, in their order."""
    images, labels = zip(*parts, strict=True)
    return Digits(np.concatenate(images), np.concatenate(labels))


@dataclass(frozen=True)
class Mnist:
    """The 60,000 training and 10,000 test digits."""

    train: Digits
    test: Digits


def load_mnist(
    folder: Path | None = None,
    mirrors: Sequence[str] = MIRRORS,
    cache: Path | None = None,
    checksums: Mapping[str, str] = MNIST_SHA256,
) -> Mnist:
    """Load MNIST from `folder` (raw or .gz); without one, from `cache`, after downloading what it does not contain.

    The first mirror that works is used. Raises DataError if a file is missing, cannot be downloaded or has another
    checksum.
    """
    if folder is not None:
        contents = {name: _read(folder, name, checksums[name]) for name in checksums}
    else:
        cache = cache or Path(pooch.os_cache("three-or-seven"))
        contents = {name: _fetch(name, mirrors, cache, checksums).read_bytes() for name in checksums}
    arrays = {name: _parse_idx(content) for name, content in contents.items()}
    return Mnist(
        train=Digits(arrays["train-images-idx3-ubyte"], arrays["train-labels-idx1-ubyte"]),
        test=Digits(arrays["t10k-images-idx3-ubyte"], arrays["t10k-labels-idx1-ubyte"]),
    )


def _read(folder: Path, name: str, checksum: str) -> bytes:
    try:
        if (folder / name).exists():
            content = (folder / name).read_bytes()
        else:
            content = gzip.decompress((folder / f"{name}.gz").read_bytes())
    except FileNotFoundError:
        raise DataError(f"The folder {folder} holds neither {name} nor {name}.gz.") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"Cannot read {name} in the folder {folder}: {error}.") from error
    if hashlib.sha256(content).hexdigest() != checksum:
        raise DataError(f"The file {name} in the folder {folder} is not MNIST's: its SHA-256 is not {checksum}.")
    return content


def _fetch(name: str, mirrors: Sequence[str], cache: Path, checksums: Mapping[str, str]) -> Path:
    failures = []
    for mirror in mirrors:
        registry = pooch.create(path=cache, base_url=f"{mirror.rstrip('/')}/", registry=dict(checksums))
        try:
            return Path(registry.fetch(name, downloader=_download_gz))
        except (requests.RequestException, OSError, EOFError, zlib.error, ValueError) as error:
            failures.append(f"{mirror}: {error}")
    raise DataError(
        f"Cannot download {name}.\n" + "\n".join(failures) + "\nRun again to resume, name another mirror with --mirror,"
        " or download the four files and name their folder with --mnist."
    )


def _download_gz(url: str, output_file: str, registry: pooch.Pooch) -> None:
    """Download `<url>.gz` and decompress it, so that pooch checks the uncompressed file."""
    with tempfile.TemporaryFile() as compressed:
        pooch.HTTPDownloader()(f"{url}.gz", compressed, registry)
        compressed.seek(0)
        with gzip.open(compressed) as content, Path(output_file).open("wb") as output:
            shutil.copyfileobj(content, output)


def _parse_idx(content: bytes) -> NDArray[np.uint8]:
    """Read the IDX format: two zero bytes, type 8 (uint8), the number of axes, their lengths (big-endian), the data."""
    axes = content[3]
    shape = np.frombuffer(content, ">u4", axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
