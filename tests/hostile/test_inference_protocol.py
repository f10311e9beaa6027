"""Random inference requests."""

import json
from typing import Any

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from app.api.v2.codec import read_inference
from tests.hostile import PLENTY, problem_or_success

numbers = st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([0, 1, 28, 784, -1, 2**31, 2**63])
anything = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=20,
)
tensors = st.fixed_dictionaries(
    {
        "name": st.just("image") | st.text(max_size=5),
        "datatype": st.sampled_from(["UINT8", "FP32", "INT64", "BYTES", "FP16", ""]),
        "shape": st.lists(numbers, max_size=5) | st.sampled_from([[1, 28, 28], [1, 784], [-1, 28, 28], [2**40, 784]]),
    },
    optional={"data": anything | st.lists(numbers, min_size=784, max_size=784), "parameters": anything},
)
requests = st.fixed_dictionaries(
    {"inputs": st.lists(tensors, max_size=2) | anything},
    optional={"id": anything, "outputs": anything, "parameters": anything},
)
FP32 = {"name": "image", "datatype": "FP32", "shape": [1, 784]}
UINT8 = {"name": "image", "datatype": "UINT8"}


def read(body: bytes, header_length: str | None) -> None:
    """Read a request to valid images or a problem."""
    with problem_or_success():
        _, images = read_inference(body, header_length)
        assert images.dtype in (np.uint8, np.float32)
        assert images.shape[1:] in ((28, 28), (784,))
        assert ((images >= 0) & (images <= 255)).all()


@PLENTY
@given(requests, st.binary(max_size=800), st.none() | st.integers(-5, 900).map(str) | st.text(max_size=6))
@example({"inputs": [FP32 | {"data": [float("nan")] * 784}]}, b"", None)
@example({"inputs": [FP32 | {"data": [float("inf")] * 784}]}, b"", None)
@example({"inputs": [UINT8 | {"shape": [-1, 28, 28], "data": [256] * 784}]}, b"", None)
@example({"inputs": [UINT8 | {"shape": [2**62, 28, 28], "data": [0] * 784}]}, b"", None)
def test_random_requests(request: Any, binary: bytes, header_length: str | None) -> None:
    head = json.dumps(request).encode()
    read(head + binary, header_length)
    read(head + binary, str(len(head)))


@PLENTY
@given(st.integers(1, 3), st.binary(max_size=4000), st.sampled_from(["UINT8", "FP32"]), st.integers(-9, 10_000))
def test_random_binary_tensors(count: int, binary: bytes, datatype: str, size: int) -> None:
    shape = [count, 28, 28] if datatype == "UINT8" else [count, 784]
    for claimed in (size, len(binary)):
        tensor = {"name": "image", "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": claimed}}
        head = json.dumps({"inputs": [tensor]}).encode()
        read(head + binary, str(len(head)))
