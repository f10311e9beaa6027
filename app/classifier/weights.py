"""The weights file: parameters as safetensors, described by a JSON document in its metadata."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as deserialize
from safetensors.numpy import save as serialize

from app.classifier.network import Layer, Parameters
from app.classifier.pixels import DIGITS, PIXELS

DEFAULT_PATH = Path(__file__).resolve().parents[2] / "weights" / "three-or-seven.safetensors"
"""Path of the default weights, beside the `app` package, in a checkout and in the Docker image."""

FORMAT_VERSION = 1
METADATA_KEY = "three-or-seven"
ADVICE = "Give an existing weights file with --weights, run `git restore weights` or `python -m model_training train`."


class WeightsError(Exception):
    """The weights file cannot be used. The message names the file and the reason."""


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """The metadata of a weights file."""

    name: str = "three-or-seven"
    version: str
    architecture: tuple[int, ...]  # units of each layer, inputs first
    threshold: float  # minimum probability of a confident prediction, 0.5 to 1
    training: dict[str, Any] = field(default_factory=dict)  # settings, seed and library versions
    data: dict[str, str] = field(default_factory=dict)  # SHA-256 of each uncompressed file of MNIST
    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)  # on `validation`, `test` and `held_out` images
    digits: tuple[int, ...] = DIGITS
    format_version: int = FORMAT_VERSION


@dataclass(frozen=True)
class Weights:
    """A weights file that has passed every check."""

    parameters: Parameters
    metadata: Metadata
    sha256: str  # of the file, in hexadecimal


def load(path: Path) -> Weights:
    """Read and check a weights file.

    Raises WeightsError if it cannot be read, if its metadata is missing, unknown or not valid, if it has another format
    version or other digits, or if shapes, dtypes or values do not match its architecture.
    """
    try:
        content = path.read_bytes()
        tensors = deserialize(content)
        metadata = _read_metadata(content)
        parameters = _to_parameters(tensors, metadata.architecture)
        _check(parameters, metadata)
    except OSError as error:
        raise WeightsError(f"Cannot use the weights file '{path}': {error.strerror}. {ADVICE}") from error
    except (SafetensorError, KeyError) as error:  # KeyError: a data type that NumPy does not have
        reason = f"it is truncated or not a safetensors file that NumPy can read ({error})"
        raise WeightsError(f"Cannot use the weights file '{path}': {reason}. {ADVICE}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise WeightsError(f"Cannot use the weights file '{path}': {error}.") from error
    return Weights(parameters, metadata, hashlib.sha256(content).hexdigest())


def save(path: Path, parameters: Parameters, metadata: Metadata) -> None:
    """Write a weights file atomically: on failure, the earlier file remains.

    Raises ValueError if the parameters, the digits or the threshold's value are not valid, OSError if the file cannot
    be written.
    """
    _check(parameters, metadata)
    document = json.dumps(asdict(metadata), sort_keys=True)
    content = serialize(_to_tensors(parameters), metadata={METADATA_KEY: document})
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _read_metadata(content: bytes) -> Metadata:
    # A safetensors file begins with the length of its JSON header in 8 bytes, little-endian.
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    fields = json.loads(header.get("__metadata__", {}).get(METADATA_KEY, "null"))
    if not isinstance(fields, dict):
        raise ValueError(f"its metadata has no object {METADATA_KEY!r}")
    for name, kind in _REQUIRED.items():
        if not isinstance(fields.get(name), kind):
            raise ValueError(f"its metadata has no valid {name!r}")
    for name, kind in {"data": str, "metrics": dict}.items():
        if not all(isinstance(value, kind) for value in fields[name].values()):
            raise ValueError(f"its metadata has no valid {name!r}")
    if fields["format_version"] != FORMAT_VERSION:
        raise ValueError(f"its format version is {fields['format_version']}, not {FORMAT_VERSION}")
    if unknown := fields.keys() - _REQUIRED.keys():
        raise ValueError(f"its metadata has the unknown field {min(unknown)!r}")
    return Metadata(**fields | {name: tuple(fields[name]) for name in ("architecture", "digits")})


_REQUIRED = {
    "format_version": int,
    "name": str,
    "version": str,
    "architecture": list,
    "digits": list,
    "threshold": float,
    "training": dict,
    "data": dict,
    "metrics": dict,
}


def _to_tensors(parameters: Parameters) -> dict[str, NDArray[Any]]:
    return {
        f"{index}.{name}": np.ascontiguousarray(array)
        for index, layer in enumerate(parameters)
        for name, array in layer._asdict().items()
    }


def _to_parameters(tensors: dict[str, NDArray[Any]], architecture: tuple[int, ...]) -> Parameters:
    layers = range(len(architecture) - 1)
    expected = {f"{index}.{name}" for index in layers for name in Layer._fields}
    if set(tensors) != expected:
        raise ValueError(f"it has the tensors {sorted(tensors)}, not {sorted(expected)}")
    return tuple(Layer(tensors[f"{index}.W"], tensors[f"{index}.b"]) for index in layers)


def _check(parameters: Parameters, metadata: Metadata) -> None:
    units = metadata.architecture
    if metadata.digits != DIGITS:
        raise ValueError(f"its digits are {metadata.digits}, not {DIGITS}")
    if not 0.5 <= metadata.threshold <= 1:
        raise ValueError(f"its threshold {metadata.threshold} is not in the range 0.5 to 1")
    if (units[:1], units[-1:]) != ((PIXELS,), (2,)):
        raise ValueError(f"its architecture {units} does not have 784 inputs and 2 outputs")
    if len(parameters) != len(units) - 1:
        raise ValueError(f"it has {len(parameters)} layers, and its architecture is {units}")
    for index, (W, b) in enumerate(parameters):
        weights, biases = units[index : index + 2], units[index + 1 : index + 2]
        if (W.shape, b.shape) != (weights, biases):
            raise ValueError(f"its layer {index} has the shapes {W.shape} and {b.shape}, not {weights} and {biases}")
        if not W.dtype == b.dtype == np.float32:
            raise ValueError(f"its layer {index} has the types {W.dtype} and {b.dtype}, not float32")
        if not (np.isfinite(W).all() and np.isfinite(b).all()):
            raise ValueError(f"its layer {index} has values that are not finite")
