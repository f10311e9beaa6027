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
from pydantic import ValidationError
from pydantic_core import to_json

from app.api.v2 import schemas
from app.classifier import Predictions
from app.classifier.pixels import PIXELS
from app.classifier.weights import Metadata
from app.errors import InvalidInference

HEADER_LENGTH = "Inference-Header-Content-Length"
"""Header with the size of the JSON in bytes, if binary tensors follow the JSON."""

RANGES = {
    "UINT8": "A value is not an integer from 0 to 255. Send such integers, or fractions from 0 to 1 as FP32 [n, 784].",
    "FP32": "A value is not a number from 0 to 1. Send FP32 from 0 (background) to 1: grey / 255.",
}
"""Error for a value that is not allowed, by datatype."""

PIECE_BYTES = 64 * 1024
"""Number of bytes of JSON that are parsed in one call. This takes a millisecond."""

_NUMBER = re.compile("[0-9]{1,12}")


def read_inference(body: bytes, length: int) -> tuple[schemas.InferenceRequest, NDArray[Any]]:
    """Read a request and its images: uint8 (n, 28, 28), or float32 (n, 784) from 0 to 1. Raises InvalidInference.

    The first `length` bytes of the body are JSON.
    """
    try:
        document, data = _without_data(body[:length])
        request = schemas.InferenceRequest.model_validate_json(document)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInference(f"The inference request is not valid: {error}.") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "body"
        if first["type"] == "missing":
            raise InvalidInference(f'The field "{where}" is missing. See /docs for an example of a request.') from None
        raise InvalidInference(f"The inference request is not valid: {where}: {first['msg']}.") from None
    names = [tensor.name for tensor in request.inputs]
    if names != [schemas.INPUT]:
        raise InvalidInference(f'The inputs are {shortened(names)}. Send one input, "{schemas.INPUT}".')
    names = [output.name for output in request.outputs or ()]
    if len(set(names)) < len(names) or not set(names) <= set(schemas.OUTPUTS):
        raise InvalidInference(f"The outputs are {shortened(names)}. Request any of {', '.join(schemas.OUTPUTS)} once.")
    return request, _read_tensor(request.inputs[0], data, body[length:])


def json_length(body: bytes, header_length: str | None) -> int:
    """Return the number of bytes of JSON at the start of a body: all without the header. Raises InvalidInference."""
    if not body:
        raise InvalidInference("The body is empty. Send an inference request in JSON.")
    if header_length is None:
        return len(body)
    if not (_NUMBER.fullmatch(header_length) and int(header_length) <= len(body)):
        received = f"{HEADER_LENGTH} is {header_length!r}, and the body has {len(body)} bytes"
        raise InvalidInference(f"{received}. Send the number of bytes of the JSON at the beginning of the body.")
    return int(header_length)


def _without_data(document: bytes) -> tuple[bytes, bytes]:
    """Return a JSON document without the tensors' `data`, which Pydantic would parse, and the data of the last one."""
    request = msgspec.json.decode(document, type=dict[str, msgspec.Raw])
    if "inputs" not in request:
        return document, b""
    inputs = msgspec.json.decode(request["inputs"], type=list[dict[str, msgspec.Raw]])
    data = [bytes(tensor.pop("data", b"")) for tensor in inputs]
    return msgspec.json.encode({**request, "inputs": inputs}), b"".join(data[-1:])


def _read_tensor(tensor: schemas.RequestInput, data: bytes, binary: bytes) -> NDArray[Any]:
    if tensor.datatype not in schemas.INPUT_KINDS:
        kinds = " or ".join(schemas.INPUT_KINDS)
        raise InvalidInference(f"The datatype is {shortened(tensor.datatype)}. Send {kinds}.")
    dtype, image_shape = schemas.INPUT_KINDS[tensor.datatype]
    count, *rest = tensor.shape or [0]
    if tuple(rest) != image_shape or count < 1:
        expected = f"For {tensor.datatype} send [n, {', '.join(map(str, image_shape))}], n at least 1"
        raise InvalidInference(f"The shape is {shortened(tensor.shape)}. {expected}.")
    in_json = data not in (b"", b"null")
    if in_json and binary:
        raise InvalidInference(f"The input has `data`, but {len(binary)} bytes follow the JSON. Send one of the two.")
    values = _from_json(tensor, data, dtype) if in_json else _from_binary(tensor, dtype, binary)
    if values.size != count * PIXELS:
        raise InvalidInference(f"The data has {values.size} values. The shape {tensor.shape} needs {count * PIXELS}.")
    if dtype is np.float32 and not ((values >= 0) & (values <= 1)).all():
        raise InvalidInference(RANGES["FP32"])
    return values.reshape(tensor.shape)


def _from_json(tensor: schemas.RequestInput, data: bytes, dtype: type[np.generic]) -> NDArray[Any]:
    """Parse the numbers of a JSON tensor, flat or nested like its shape.

    First the brackets and commas, which remain without numbers and white space, are compared with those of such an
    array. Then the numbers are parsed in pieces: one long call would hold the interpreter's lock and delay others.
    """
    digits, kind = (b"0123456789-", list[int]) if dtype is np.uint8 else (b"0123456789-+.eE", list[float])
    skeleton, image = data.translate(None, digits + b" \t\r\n"), b""
    for side in reversed(tensor.shape[1:]):
        image = _skeleton(image, side)
    layouts = (_skeleton(inner, (len(skeleton) - 1) // (len(inner) + 1)) for inner in (b"", image))
    if skeleton.strip(b"[],"):
        raise InvalidInference(RANGES[tensor.datatype])
    if skeleton not in layouts:
        raise InvalidInference(f"The data is not nested like the shape {tensor.shape}. Send it so, or flat.")
    flat, end, pieces = data.translate(None, b"[]"), -1, []
    try:
        while end < len(flat):
            start, end = end + 1, flat.find(b",", end + PIECE_BYTES)
            end = len(flat) if end < 0 else end
            numbers = msgspec.json.decode(b"[%s]" % flat[start:end], type=kind)
            with np.errstate(over="raise"):
                pieces.append(np.array(numbers, dtype))
    except (FloatingPointError, OverflowError, msgspec.ValidationError):
        raise InvalidInference(RANGES[tensor.datatype]) from None
    return np.concatenate(pieces)


def _skeleton(inner: bytes, count: int) -> bytes:
    """Return the brackets and commas of a JSON array of `count` elements, each with those of `inner`."""
    return b"[%s]" % ((inner + b",") * count)[:-1]


def _from_binary(tensor: schemas.RequestInput, dtype: type[np.generic], binary: bytes) -> NDArray[Any]:
    size = (tensor.parameters or schemas.InputParameters()).binary_data_size
    if size is None:
        raise InvalidInference("The input has no data. Send `data`, or binary_data_size and bytes after the JSON.")
    if size != len(binary):
        raise InvalidInference(f"binary_data_size is {size}, but {len(binary)} bytes follow the JSON.")
    if size % (itemsize := np.dtype(dtype).itemsize):
        raise InvalidInference(f"binary_data_size is {size}. Send a multiple of {itemsize} for {tensor.datatype}.")
    return np.frombuffer(binary, np.dtype(dtype).newbyteorder("<")).astype(dtype, copy=False)


def write_inference(
    request: schemas.InferenceRequest, predictions: Predictions, metadata: Metadata
) -> tuple[bytes, int | None]:
    """Make the response body, and the size of its JSON if binary tensors follow."""
    digits, probabilities, confident = predictions
    arrays = {"probabilities": probabilities, "digit": digits, "confident": confident}
    requested = {output.name: output.parameters for output in request.outputs or ()} or dict.fromkeys(arrays)
    all_binary = bool(request.parameters and request.parameters.binary_data_output)
    outputs: list[dict[str, Any]] = []
    binaries: list[bytes] = []
    for name, parameters in requested.items():
        (datatype, dtype, _), array = schemas.OUTPUTS[name], arrays[name]
        outputs.append({"name": name, "datatype": datatype, "shape": array.shape})
        as_binary = parameters and parameters.binary_data
        if all_binary if as_binary is None else as_binary:
            binaries.append(array.astype(dtype).tobytes())
            outputs[-1]["parameters"] = {"binary_data_size": len(binaries[-1])}
        else:
            outputs[-1]["data"] = array.ravel().tolist()
    response = {"model_name": metadata.name, "model_version": metadata.version, "outputs": outputs}
    header = to_json(response if request.id is None else {**response, "id": request.id})
    return b"".join([header, *binaries]), len(header) if binaries else None
