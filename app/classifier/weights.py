"""The weights file: parameters as safetensors, and in its metadata one JSON document that says what they are."""

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
"""Beside the `app` package: in a checkout, in an installed wheel and in the image alike."""

FORMAT_VERSION = 1
METADATA_KEY = "three-or-seven"
ADVICE = (
    "Choose another with --weights, or make the default: `git restore weights` or `python -m model_training train`."
)


class WeightsError(Exception):
    """The weights file cannot be used. The message is one sentence that names the file and the reason."""


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What the weights file says of itself."""

    name: str = "three-or-seven"
    version: str
    architecture: tuple[int, ...]
    """Units of each layer, from the inputs to the outputs."""
    threshold: float
    """The least probability of the likelier digit that counts as confident, 0.5 to 1."""
    training: dict[str, Any] = field(default_factory=dict)
    """Settings, seed and library versions of the run that made the weights."""
    data: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the uncompressed contents of each data file."""
    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Figures on the `validation` and `test` images."""
    digits: tuple[int, ...] = DIGITS
    format_version: int = FORMAT_VERSION


@dataclass(frozen=True)
class Weights:
    """A weights file that has passed every check."""

    parameters: Parameters
    metadata: Metadata
    sha256: str
    """Of the whole file, in hexadecimal."""


def load(path: Path) -> Weights:
    """Read and check a weights file.

    Raises WeightsError if it is missing, unreadable, of another format version or for other digits,
    or if shapes, dtypes or values are not what its architecture says.
    """
    try:
        content = path.read_bytes()
        tensors = deserialize(content)
        metadata = _read_metadata(content)
        parameters = _to_parameters(tensors, metadata.architecture)
        _check(parameters, metadata)
    except OSError as error:
        raise WeightsError(f"Cannot use the weights file {path}: {error.strerror}. {ADVICE}") from error
    except SafetensorError as error:
        reason = f"it is no safetensors file, or truncated ({error})"
        raise WeightsError(f"Cannot use the weights file {path}: {reason}. {ADVICE}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise WeightsError(f"Cannot use the weights file {path}: {error}.") from error
    except KeyError as error:
        raise WeightsError(f"Cannot use the weights file {path}: it holds tensors of the type {error}.") from error
    return Weights(parameters, metadata, hashlib.sha256(content).hexdigest())


def save(path: Path, parameters: Parameters, metadata: Metadata) -> None:
    """Write a weights file, whole or not at all: whatever goes wrong, the earlier one stays as it was.

    Raises ValueError if `load` would refuse the result, OSError if it cannot be written.
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
            raise ValueError(f"its metadata has no proper {name!r}")
    if fields["format_version"] != FORMAT_VERSION:
        raise ValueError(f"its format version is {fields['format_version']}, and this program reads {FORMAT_VERSION}")
    return Metadata(**fields | {name: tuple(fields[name]) for name in ("architecture", "digits")})


_REQUIRED = {"format_version": int, "version": str, "architecture": list, "digits": list, "threshold": float}


def _to_tensors(parameters: Parameters) -> dict[str, NDArray[Any]]:
    return {
        f"{index}.{name}": np.ascontiguousarray(array)
        for index, layer in enumerate(parameters)
        for name, array in layer._asdict().items()
    }


def _to_parameters(tensors: dict[str, NDArray[Any]], architecture: tuple[int, ...]) -> Parameters:
    layers = range(len(architecture) - 1)
    wanted = {f"{index}.{name}" for index in layers for name in Layer._fields}
    if set(tensors) != wanted:
        raise ValueError(f"it holds the tensors {sorted(tensors)}, not {sorted(wanted)}")
    return tuple(Layer(tensors[f"{index}.W"], tensors[f"{index}.b"]) for index in layers)


def _check(parameters: Parameters, metadata: Metadata) -> None:
    units = metadata.architecture
    if metadata.digits != DIGITS:
        raise ValueError(f"it tells the digits {metadata.digits} apart, not {DIGITS}")
    if not 0.5 <= metadata.threshold <= 1:
        raise ValueError(f"its threshold {metadata.threshold} is not in the range 0.5 to 1")
    if (units[:1], units[-1:]) != ((PIXELS,), (len(DIGITS),)):
        raise ValueError(f"its architecture {units} does not lead from 784 pixels to 2 digits")
    if len(parameters) != len(units) - 1:
        raise ValueError(f"it has {len(parameters)} layers, and its architecture is {units}")
    for index, (W, b) in enumerate(parameters):
        weights, biases = units[index : index + 2], units[index + 1 : index + 2]
        if (W.shape, b.shape) != (weights, biases):
            raise ValueError(f"its layer {index} has the shapes {W.shape} and {b.shape}, not {weights} and {biases}")
        if not W.dtype == b.dtype == np.float32:
            raise ValueError(f"its layer {index} is of {W.dtype} and {b.dtype}, not float32")
        if not (np.isfinite(W).all() and np.isfinite(b).all()):
            raise ValueError(f"its layer {index} has values that are not finite")
