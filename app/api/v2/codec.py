"""Conversion between arrays and requests or responses of the Open Inference Protocol, with JSON or binary tensors.

https://github.com/kserve/open-inference-protocol and, for the extension `binary_tensor_data`,
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import re
from reprlib import repr as shortened
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

from app.api.openapi import HEADER_LENGTH
from app.api.v2 import schemas
from app.classifier import Predictions, to_input
from app.classifier.pixels import PIXELS
from app.classifier.weights import Metadata
from app.errors import BodyTooLarge, InvalidInference

MAX_JSON_BYTES = 2 * 1024 * 1024
"""Maximum size of the JSON of a request. Parsing that much takes 20 to 50 ms, in which nothing else runs.

It holds at least 500 images as UINT8, and about 300 of MNIST as FP32. Binary tensors need no parsing."""

IMAGES_AT_ONCE = 64
"""Number of images whose numbers are converted in one call, which takes a few milliseconds.

Other threads can run between the calls."""

ADVICE = "Send UINT8 [n, 28, 28] from 0 to 255, or FP32 [n, 784] from 0 to 1; /docs has an example"

RANGES = {
    "UINT8": "A value is not an integer from 0 to 255. Send such integers, or fractions from 0 to 1 as FP32 [n, 784].",
    "FP32": "A value is not a number from 0 to 1. Send FP32 from 0 (background) to 1: grey / 255.",
}
"""Error for a value that is out of range, by datatype."""

MESSAGE_END = 100
"""Number of characters that are kept at both ends of a long message of msgspec."""

_NUMBER = re.compile("[0-9]{1,12}")
_DECODER = msgspec.json.Decoder(schemas.InferenceRequest)


def json_length(body: bytes, header_length: str | None) -> int:
    """Return the number of bytes of JSON at the start of a body: the whole body if the header is absent.

    Raises InvalidInference, or BodyTooLarge if there are more than `MAX_JSON_BYTES`.
    """
    if not body:
        raise InvalidInference("The body is empty. Send an inference request in JSON.")
    if header_length is None:
        length = len(body)
    elif _NUMBER.fullmatch(header_length) and int(header_length) <= len(body):
        length = int(header_length)
    else:
        received = f"{HEADER_LENGTH} is {header_length!r}, and the body has {len(body)} bytes"
        raise InvalidInference(f"{received}. Send the number of bytes of the JSON at the beginning of the body.")
    if length > MAX_JSON_BYTES:
        received = f"The JSON has {length:,} bytes. Send at most {MAX_JSON_BYTES:,}"
        raise BodyTooLarge(f"{received}, or send the images as a binary tensor after the JSON.")
    return length


def read_inference(body: bytes, length: int) -> tuple[schemas.InferenceRequest, NDArray[np.float32]]:
    """Read a request and its images, float32 (n, 784) from 0 to 1. Raises InvalidInference.

    The first `length` bytes of the body are JSON, the others are a binary tensor.
    """
    try:
        request = _DECODER.decode(body[:length])
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInference(f"The inference request is not valid: {_abridged(str(error))}. {ADVICE}.") from None
    inputs = [tensor.name for tensor in request.inputs]
    if inputs != [schemas.INPUT]:
        raise InvalidInference(names=shortened(inputs))
    outputs = [output.name for output in request.outputs or ()]
    if len(set(outputs)) < len(outputs) or not set(outputs) <= set(schemas.OUTPUTS):
        known = ", ".join(schemas.OUTPUTS)
        raise InvalidInference(f"The outputs are {shortened(outputs)}. Request any of {known} once.")
    return request, _read_tensor(request.inputs[0], body[length:])


def _abridged(message: str) -> str:
    """Leave out the middle of a long message, which contains the received value."""
    return message if len(message) <= 2 * MESSAGE_END else f"{message[:MESSAGE_END]} ... {message[-MESSAGE_END:]}"


def _read_tensor(tensor: schemas.InputTensor, binary: bytes) -> NDArray[np.float32]:
    """Convert a tensor to inputs of the network."""
    kind = tensor.kind
    count, *rest = tensor.shape or [0]
    if tuple(rest) != kind.shape or count < 1:
        expected = f"For {kind.datatype} send [n, {', '.join(map(str, kind.shape))}], n at least 1"
        raise InvalidInference(f"The shape is {shortened(tensor.shape)}. {expected}.")
    values = _from_binary(tensor, binary) if tensor.data is None else _from_json(tensor, binary)
    if values.size != count * PIXELS:
        raise InvalidInference(f"The data has {values.size} values. The shape {tensor.shape} needs {count * PIXELS}.")
    if isinstance(tensor, schemas.Uint8Tensor):
        return to_input(values.reshape(tensor.shape))
    if not ((values >= 0) & (values <= 1)).all():
        raise InvalidInference(RANGES[tensor.kind.datatype])
    return values.reshape(tensor.shape).astype(np.float32, copy=False)


def _from_json(tensor: schemas.InputTensor, binary: bytes) -> NDArray[Any]:
    """Return the values of a JSON tensor, which is flat or nested like its shape."""
    if binary:
        raise InvalidInference(f"The input has `data`, but {len(binary)} bytes follow the JSON. Send one of the two.")
    nesting = f"The data is not nested like the shape {tensor.shape}. Send it so, or flat."
    data: Any = tensor.data
    step = IMAGES_AT_ONCE if data and isinstance(data[0], list) else IMAGES_AT_ONCE * PIXELS
    try:
        with np.errstate(over="ignore"):  # too large for float32: infinite
            starts = range(0, len(data) or 1, step)  # an empty list makes one empty part
            parts = [np.array(data[start : start + step], tensor.kind.dtype) for start in starts]
        values = np.concatenate(parts)
    except ValueError:  # lists of different lengths
        raise InvalidInference(nesting) from None
    except OverflowError:  # an integer that the datatype does not have
        raise InvalidInference(RANGES[tensor.kind.datatype]) from None
    if values.ndim > 1 and values.shape[1:] != tuple(tensor.shape[1:]):
        raise InvalidInference(nesting)
    return values


def _from_binary(tensor: schemas.InputTensor, binary: bytes) -> NDArray[Any]:
    """Return the values of a binary tensor."""
    size = (tensor.parameters or schemas.InputParameters()).binary_data_size
    if size is None:
        raise InvalidInference("The input has no data. Send `data`, or binary_data_size and bytes after the JSON.")
    if size != len(binary):
        raise InvalidInference(f"binary_data_size is {size}, but {len(binary)} bytes follow the JSON.")
    if size % (itemsize := np.dtype(tensor.kind.dtype).itemsize):
        raise InvalidInference(f"binary_data_size is {size}. Send a multiple of {itemsize} for {tensor.kind.datatype}.")
    return np.frombuffer(binary, tensor.kind.dtype)


def write_inference(
    request: schemas.InferenceRequest, predictions: Predictions, metadata: Metadata
) -> tuple[bytes, int | None]:
    """Make the response body, and the size of its JSON if binary tensors follow."""
    digits, probabilities, confident = predictions
    arrays: dict[str, NDArray[Any]] = {"probabilities": probabilities, "digit": digits, "confident": confident}
    requested = {output.name: output.parameters for output in request.outputs or ()} or dict.fromkeys(arrays)
    all_binary = request.parameters is not None and bool(request.parameters.binary_data_output)
    outputs: list[schemas.ResponseOutput] = []
    binaries: list[bytes] = []
    for name, parameters in requested.items():
        kind, array = schemas.OUTPUTS[name], arrays[name]
        output: schemas.ResponseOutput = {"name": name, "datatype": kind.datatype, "shape": list(array.shape)}
        as_binary = parameters.binary_data if parameters else None
        if as_binary is None:
            as_binary = all_binary
        if as_binary:
            binaries.append(array.astype(kind.dtype).tobytes())
            output["parameters"] = {"binary_data_size": len(binaries[-1])}
        else:
            output["data"] = array.ravel().tolist()
        outputs.append(output)
    response: schemas.InferenceResponse = {
        "model_name": metadata.name,
        "model_version": metadata.version,
        "outputs": outputs,
    }
    if request.id is not None:
        response["id"] = request.id
    header = to_json(response)
    return b"".join([header, *binaries]), len(header) if binaries else None
