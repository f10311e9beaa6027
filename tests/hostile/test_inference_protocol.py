"""Random inference requests."""

import json
from math import prod
from typing import Any

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.api.v2.codec import json_length, read_inference
from tests.hostile import PLENTY, problem_or_success

numbers = st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([0, 1, 28, 784, -1, 2**31, 2**63])
anything = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=20,
)


def some(values: st.SearchStrategy[Any], *shape: int) -> st.SearchStrategy[list[Any]]:
    """Lists nested in a shape, of a few values that are repeated."""
    few = st.lists(values, min_size=1, max_size=9)
    return few.map(lambda drawn: np.resize(np.array(drawn, object), shape).tolist())


def tensor(datatype: str, shape: list[int], values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    data = some(values, prod(shape)) | some(values, *shape)
    return data.map(lambda data: {"name": "image", "datatype": datatype, "shape": shape, "data": data})


def changes(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Another value of one of the fields, or nothing."""
    return st.just({}) | st.sampled_from([*fields]).flatmap(lambda name: st.fixed_dictionaries({name: fields[name]}))


tensors = tensor("UINT8", [2, 28, 28], st.integers(0, 255)) | tensor("FP32", [1, 784], st.floats(0, 1))
tensor_changes = changes(
    name=st.text(max_size=5),
    datatype=st.sampled_from(["UINT8", "FP32", "INT64", "BYTES", "FP16", ""]),
    shape=st.sampled_from([[1, 28, 28], [2, 784]]) | st.sampled_from([[-1, 28, 28], [2**40, 784]]) | st.lists(numbers),
    data=anything | some(numbers, 784) | some(st.floats(-1, 2), 784) | st.sampled_from([[0] * 785, [[0] * 392] * 2]),
    parameters=anything,
)
outputs = st.sampled_from(["probabilities", "digit", "confident"]).map(lambda name: {"name": name})
requests = st.builds(
    lambda tensor, other, request: {"inputs": [tensor | other]} | request,
    tensors,
    tensor_changes,
    changes(
        id=st.text() | anything,
        outputs=st.lists(outputs, max_size=3) | anything,
        parameters=anything,
        inputs=st.lists(tensors, max_size=2) | anything,
    ),
)
FP32 = {"name": "image", "datatype": "FP32", "shape": [1, 784]}
UINT8 = {"name": "image", "datatype": "UINT8"}
BINARIES = st.just(b"") | st.binary(max_size=800)
GREYS = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=9).map(lambda greys: np.array(greys, "<f4").tobytes())
PATTERNS = GREYS | st.binary(min_size=1, max_size=40)
OFFSETS = st.sampled_from([0, 0, 0, 0, -1, 1, -4, 4])


def read(body: bytes, header_length: str | None) -> NDArray[Any] | None:
    """Read a request to valid images, or to None and a problem."""
    with problem_or_success():
        _, images = read_inference(body, json_length(body, header_length))
        assert len(images) >= 1
        assert (images.dtype.name, images.shape[1:]) == ("float32", (784,))
        assert ((images >= 0) & (images <= 1)).all()
        return images
    return None


@PLENTY
@given(requests, BINARIES, st.none() | st.integers(-5, 900).map(str) | st.text(max_size=6))
@example({"inputs": [FP32 | {"data": [float("nan")] * 784}]}, b"", None)
@example({"inputs": [FP32 | {"data": [float("inf")] * 784}]}, b"", None)
@example({"inputs": [FP32 | {"data": [1.5] * 784}]}, b"", None)
@example({"inputs": [FP32 | {"data": [3.5e38] * 784}]}, b"", None)
@example({"inputs": [UINT8 | {"shape": [-1, 28, 28], "data": [256] * 784}]}, b"", None)
@example({"inputs": [UINT8 | {"shape": [2**62, 28, 28], "data": [0] * 784}]}, b"", None)
def test_random_requests(request: Any, binary: bytes, header_length: str | None) -> None:
    head = json.dumps(request).encode()
    read(head + binary, header_length)
    read(head + binary, str(len(head)))


@PLENTY
@given(st.integers(1, 3), st.sampled_from(["UINT8", "FP32"]), PATTERNS, OFFSETS, OFFSETS | st.integers())
def test_random_binary_tensors(count: int, datatype: str, pattern: bytes, offset: int, error: int) -> None:
    shape, itemsize = ([count, 28, 28], 1) if datatype == "UINT8" else ([count, 784], 4)
    size = count * 784 * itemsize + offset
    binary = (pattern * size)[:size]
    tensor = {"name": "image", "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": size + error}}
    head = json.dumps({"inputs": [tensor]}).encode()
    images = read(head + binary, str(len(head)))
    if images is not None:
        assert offset == error == 0
        sent = np.frombuffer(binary, "<f4" if datatype == "FP32" else "u1") / np.float32(
            1 if datatype == "FP32" else 255
        )
        same = bool((images.ravel() == sent).all())  # pytest would take minutes to print the difference
        assert same
