"""The Open Inference Protocol, spoken by a client that others wrote, and by hand."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import numpy as np
import pytest
import tritonclient.http
from tritonclient.utils import InferenceServerException

from app import __version__
from app.classifier import Classifier, Predictions
from app.classifier.weights import DEFAULT_PATH, load
from model_training.data import Digits

MODEL = "three-or-seven"
INFER = f"/v2/models/{MODEL}/infer"
BLANK = {"name": "image", "shape": [1, 28, 28], "datatype": "UINT8", "data": [0] * 784}


@pytest.fixture(scope="module")
def triton(client: httpx2.Client) -> Iterator[tritonclient.http.InferenceServerClient]:
    with tritonclient.http.InferenceServerClient(client.base_url.netloc.decode()) as triton:
        yield triton


@pytest.fixture(scope="module")
def expected(digits: Digits) -> Predictions:
    weights = load(DEFAULT_PATH)
    return Classifier(weights.parameters, weights.metadata.threshold).predict(digits.images)


def test_triton_client_reads_the_metadata(triton: tritonclient.http.InferenceServerClient) -> None:
    version = load(DEFAULT_PATH).metadata.version
    assert triton.is_server_live()
    assert triton.is_server_ready()
    models = ((MODEL, ""), (MODEL, version), (MODEL, "0"), ("another", ""))
    assert [triton.is_model_ready(*model) for model in models] == [True, True, False, False]
    assert triton.get_server_metadata() == {
        "name": "three-or-seven",
        "version": __version__,
        "extensions": ["binary_tensor_data"],
    }
    metadata = triton.get_model_metadata(MODEL)
    assert metadata == triton.get_model_metadata(MODEL, version)
    assert metadata == {
        "name": MODEL,
        "versions": [version],
        "platform": "numpy",
        "inputs": [{"name": "image", "datatype": "UINT8", "shape": [-1, 28, 28]}],
        "outputs": [
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]},
            {"name": "digit", "datatype": "INT64", "shape": [-1]},
            {"name": "confident", "datatype": "BOOL", "shape": [-1]},
        ],
    }


@pytest.mark.parametrize("binary_input", [True, False])
@pytest.mark.parametrize("binary_output", [True, False])
@pytest.mark.parametrize("datatype", ["UINT8", "FP32"])
def test_triton_client_gets_the_same_answers_as_predict(
    triton: tritonclient.http.InferenceServerClient,
    digits: Digits,
    expected: Predictions,
    binary_input: bool,
    binary_output: bool,
    datatype: str,
) -> None:
    """Those of /predict equal those of `evaluate` in test_predict; the client's defaults are in the README."""
    images = digits.images if datatype == "UINT8" else digits.images.reshape(-1, 784) / np.float32(255)
    for start in range(0, len(images), 700):
        part = images[start : start + 700]
        tensor = tritonclient.http.InferInput("image", part.shape, datatype)
        tensor.set_data_from_numpy(part, binary_data=binary_input)
        names = ("digit", "probabilities", "confident")
        outputs = [tritonclient.http.InferRequestedOutput(name, binary_data=binary_output) for name in names]
        answer = triton.infer(MODEL, [tensor], outputs=outputs, request_id=f"from {start}")
        assert answer.get_response()["id"] == f"from {start}"
        answers, probabilities, confident = (array[start : start + 700] for array in expected)
        assert (answer.as_numpy("digit") == answers).all()
        assert (answer.as_numpy("confident") == confident).all()
        assert answer.as_numpy("probabilities") == pytest.approx(probabilities, abs=1e-5)


def test_triton_client_raises_the_service_s_error(triton: tritonclient.http.InferenceServerClient) -> None:
    tensor = tritonclient.http.InferInput("image", [1, 27, 28], "UINT8")
    tensor.set_data_from_numpy(np.zeros((1, 27, 28), np.uint8))
    with pytest.raises(InferenceServerException, match=r"The shape is \[1, 27, 28\]. As UINT8 send \[n, 28, 28\]"):
        triton.infer(MODEL, [tensor])


@pytest.mark.parametrize("nested", [True, False])
def test_plain_json_is_answered_in_plain_json(
    client: httpx2.Client, digits: Digits, expected: Predictions, nested: bool
) -> None:
    for start in range(0, len(digits.labels), 1019):
        part, predicted = digits.images[start : start + 1019], [array[start : start + 1019] for array in expected]
        data = part.tolist() if nested else part.ravel().tolist()
        tensor = {"name": "image", "shape": list(part.shape), "datatype": "UINT8", "data": data}
        answer = client.post(INFER, json={"id": "x", "inputs": [tensor]}, timeout=30).json()
        probabilities, answered, confident = answer.pop("outputs")
        assert answer == {"model_name": MODEL, "model_version": load(DEFAULT_PATH).metadata.version, "id": "x"}
        assert (probabilities["shape"], answered["shape"]) == ([1019, 2], [1019])
        assert (answered["data"], confident["data"]) == (predicted[0].tolist(), predicted[2].tolist())
        assert probabilities["data"] == pytest.approx(predicted[1].ravel(), abs=1e-5)


def test_requested_outputs_and_null_fields(client: httpx2.Client) -> None:
    """A client may write every field: null counts as missing."""
    plain = client.post(INFER, json={"inputs": [BLANK]}).json()
    assert "id" not in plain
    versioned = f"/v2/models/{MODEL}/versions/{load(DEFAULT_PATH).metadata.version}/infer"
    (output,) = client.post(versioned, json={"inputs": [BLANK], "outputs": [{"name": "digit"}]}).json()["outputs"]
    assert set(output) == {"name", "datatype", "shape", "data"}
    request = {"id": None, "parameters": None, "inputs": [BLANK | {"parameters": None}]}
    every = [{"name": output["name"], "parameters": None} for output in plain["outputs"]]
    for outputs in (None, every):
        assert client.post(INFER, json=request | {"outputs": outputs}).json() == plain


def test_binary_data_output(client: httpx2.Client) -> None:
    request = {"inputs": [BLANK], "parameters": {"binary_data_output": True}}
    request["outputs"] = [{"name": "digit", "parameters": {"binary_data": False}}, {"name": "probabilities"}]
    answer = client.post(INFER, json=request)
    assert answer.headers["content-type"] == "application/octet-stream"
    length = int(answer.headers["inference-header-content-length"])
    digit, probabilities = json.loads(answer.content[:length])["outputs"]
    assert digit["data"][0] in (3, 7)
    assert probabilities["parameters"] == {"binary_data_size": 8}
    assert np.frombuffer(answer.content[length:], "<f4").sum() == pytest.approx(1)


def changed(**fields: Any) -> dict[str, Any]:
    return {"inputs": [BLANK | fields]}


BINARY = {name: value for name, value in BLANK.items() if name != "data"}

NO_IMAGE = 'Send one input, named "image".'
NO_SHAPE = "As UINT8 send [n, 28, 28], n at least 1."
NO_NUMBERS = "The data must be UINT8 numbers, flat or nested like the shape."
NO_INK = "FP32 values are from 0 (background) to 1 (foreground). Divide levels by 255."
NO_LEVELS = "UINT8 values are from 0 to 255."
NO_OUTPUT = "Ask for probabilities, digit, confident, each at most once."

REFUSALS: list[tuple[Any, str]] = [
    (changed(name="picture"), NO_IMAGE),
    ({"inputs": []}, NO_IMAGE),
    (changed(datatype="FP16"), "Send the images as UINT8 or FP32."),
    (changed(shape=[28, 28]), f"The shape is [28, 28]. {NO_SHAPE}"),
    (changed(shape=[0, 28, 28]), f"The shape is [0, 28, 28]. {NO_SHAPE}"),
    (changed(shape=[-1, 28, 28]), f"The shape is [-1, 28, 28]. {NO_SHAPE}"),
    (changed(datatype="FP32"), "The shape is [1, 28, 28]. As FP32 send [n, 784], n at least 1."),
    (changed(shape=[2**31 - 1, 28, 28]), "The shape [2147483647, 28, 28] wants 1683627179248 values, and 784 came."),
    (
        changed(shape=[10**4000, 28, 28]),
        "This is no inference request: inputs.0.shape.0: Input should be less than or equal to 2147483647.",
    ),
    (changed(data=[256] * 784), NO_LEVELS),
    (changed(data=[0.5] * 784), NO_NUMBERS),
    (changed(data=["a" * 500_000, *[""] * 1000]), NO_NUMBERS),
    (changed(datatype="FP32", shape=[1, 784], data=[10**400] * 784), NO_INK),
    (changed(data=[[0] * 392] * 2), NO_NUMBERS),
    (changed(shape=[2, 28, 28], data=[[[0] * 28] * 28, [[0] * 27] * 28]), NO_NUMBERS),
    (changed(data=[]), NO_NUMBERS),
    (changed(datatype="FP32", shape=[1, 784], data=[2] * 784), NO_INK),
    ({"inputs": [BINARY]}, "The input has neither data nor a binary_data_size."),
    (
        {"inputs": [BINARY | {"parameters": {"binary_data_size": 784}}]},
        "binary_data_size is 784, and 0 bytes follow the JSON.",
    ),
    ({"inputs": [BLANK], "outputs": [{"name": "animal"}]}, NO_OUTPUT),
    ({"inputs": [BLANK], "outputs": [{"name": "digit"}] * 2}, NO_OUTPUT),
    (
        {"inputs": [{}] * 100_000},
        "This is no inference request: inputs: List should have at most 1 item after validation, not 100000.",
    ),
    ({}, "This is no inference request: inputs: Field required."),
    ([], "This is no inference request: Expected `object`, got `array`."),
]


@pytest.mark.parametrize(("request_", "error"), REFUSALS)
def test_refusal(client: httpx2.Client, request_: Any, error: str) -> None:
    response = client.post(INFER, json=request_)
    assert (response.status_code, response.json()) == (400, {"error": error})


@pytest.mark.parametrize("body", [b"", b"{", b'{"inputs": ' + b"[" * 100_000, b"\xff"])
def test_invalid_json(client: httpx2.Client, body: bytes) -> None:
    response = client.post(INFER, content=body)
    assert response.status_code == 400
    assert response.json()["error"].startswith("This is no inference request: ")


TORN = b'{"inputs":[{"name":"image","shape":[1,784],"datatype":"FP32","parameters":{"binary_data_size":3}}]}'
NUMBER = b'{"inputs":[{"name":"image","shape":[1,784],"datatype":"FP32","data":[*]}]}'
NO_JSON = "This is no inference request: JSON is malformed: invalid character (byte 69)."
NO_LENGTH = "Inference-Header-Content-Length must be the number of the body's first bytes that are JSON."


@pytest.mark.parametrize(
    ("body", "length", "error"),
    [
        *((b"{}", length, NO_LENGTH) for length in ("x", "-1", "100000", "²", "9" * 5000)),
        (TORN + b"abc", str(len(TORN)), "3 bytes are no whole number of FP32 values."),
        (NUMBER.replace(b"*", b"NaN, " * 783 + b"NaN"), None, NO_JSON),
        (NUMBER.replace(b"*", b"1e400, " * 783 + b"1e400"), None, NO_INK),
    ],
)
def test_refusal_of_bytes(client: httpx2.Client, body: bytes, length: str | None, error: str) -> None:
    headers = [] if length is None else [(b"Inference-Header-Content-Length", length.encode("latin-1"))]
    response = client.post(INFER, content=body, headers=headers)
    assert (response.status_code, response.json()) == (400, {"error": error})


def test_not_found(client: httpx2.Client) -> None:
    for path, error in (
        ("models/another", "There is no model 'another'; the only one is three-or-seven."),
        (f"models/{MODEL}/versions/9/ready", "There is no version '9'; the only one is 1.0.0."),
        ("nothing", "There is nothing at this path. See /docs for what there is."),
    ):
        response = client.get(f"/v2/{path}")
        assert (response.status_code, response.json()) == (404, {"error": error})
