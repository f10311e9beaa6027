"""The Open Inference Protocol, with Triton's client and with plain requests."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import numpy as np
import pytest
import tritonclient.http
from fastapi import FastAPI
from starlette.testclient import TestClient
from tritonclient.utils import InferenceServerException

from app import __version__
from app.classifier import Classifier, Predictions
from app.classifier.weights import DEFAULT_PATH, load
from app.main import create_app
from app.settings import Settings
from model_training.images.mnist import Digits

MODEL = "three-or-seven"
INFER = f"/v2/models/{MODEL}/infer"
BLANK = {"name": "image", "shape": [1, 28, 28], "datatype": "UINT8", "data": [0] * 784}


@pytest.fixture(scope="module")
def triton(client: httpx2.Client) -> Iterator[tritonclient.http.InferenceServerClient]:
    with tritonclient.http.InferenceServerClient(client.base_url.netloc.decode()) as triton:
        yield triton


@pytest.fixture(scope="module")
def expected(classifier: Classifier, digits: Digits) -> Predictions:
    return classifier.predict(digits.images)


def test_triton_client_metadata(triton: tritonclient.http.InferenceServerClient) -> None:
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
def test_triton_client_inference(
    triton: tritonclient.http.InferenceServerClient,
    digits: Digits,
    expected: Predictions,
    binary_input: bool,
    binary_output: bool,
    datatype: str,
) -> None:
    """The predictions equal those of the classifier."""
    images = digits.images if datatype == "UINT8" else digits.images.reshape(-1, 784) / np.float32(255)
    step = 700 if binary_input else 100  # JSON may have 2 MiB
    for start in range(0, len(images), step):
        part = images[start : start + step]
        tensor = tritonclient.http.InferInput("image", part.shape, datatype)
        tensor.set_data_from_numpy(part, binary_data=binary_input)
        names = ("digit", "probabilities", "confident")
        outputs = [tritonclient.http.InferRequestedOutput(name, binary_data=binary_output) for name in names]
        answer = triton.infer(MODEL, [tensor], outputs=outputs, request_id=f"from {start}")
        assert answer.get_response()["id"] == f"from {start}"
        answers, probabilities, confident = (array[start : start + step] for array in expected)
        assert (answer.as_numpy("digit") == answers).all()
        assert (answer.as_numpy("confident") == confident).all()
        assert answer.as_numpy("probabilities") == pytest.approx(probabilities, abs=1e-5)


def test_triton_client_error(triton: tritonclient.http.InferenceServerClient) -> None:
    tensor = tritonclient.http.InferInput("image", [1, 27, 28], "UINT8")
    tensor.set_data_from_numpy(np.zeros((1, 27, 28), np.uint8))
    with pytest.raises(InferenceServerException, match=r"The shape is \[1, 27, 28\]. For UINT8 send \[n, 28, 28\]"):
        triton.infer(MODEL, [tensor])


@pytest.mark.parametrize("nested", [True, False])
def test_json_tensors(client: httpx2.Client, digits: Digits, expected: Predictions, nested: bool) -> None:
    for start in range(0, len(digits.labels), 500):
        part, predicted = digits.images[start : start + 500], [array[start : start + 500] for array in expected]
        data = part.tolist() if nested else part.ravel().tolist()
        tensor = {"name": "image", "shape": list(part.shape), "datatype": "UINT8", "data": data}
        answer = client.post(INFER, json={"id": "x", "inputs": [tensor]}, timeout=30).json()
        probabilities, answered, confident = answer.pop("outputs")
        assert answer == {"model_name": MODEL, "model_version": load(DEFAULT_PATH).metadata.version, "id": "x"}
        assert (probabilities["shape"], answered["shape"]) == ([len(part), 2], [len(part)])
        assert (answered["data"], confident["data"]) == (predicted[0].tolist(), predicted[2].tolist())
        assert probabilities["data"] == pytest.approx(predicted[1].ravel(), abs=1e-5)


def test_requested_outputs_and_null_fields(client: httpx2.Client) -> None:
    """Null is the same as a missing field."""
    plain = client.post(INFER, json={"inputs": [BLANK]}).json()
    assert "id" not in plain
    versioned = f"/v2/models/{MODEL}/versions/{load(DEFAULT_PATH).metadata.version}/infer"
    (output,) = client.post(versioned, json={"inputs": [BLANK], "outputs": [{"name": "digit"}]}).json()["outputs"]
    assert set(output) == {"name", "datatype", "shape", "data"}
    request = {"id": None, "parameters": None, "inputs": [BLANK | {"parameters": None}]}
    every = [{"name": output["name"], "parameters": None} for output in plain["outputs"]]
    for outputs in (None, every):
        assert client.post(INFER, json=request | {"outputs": outputs}).json() == plain


def test_values_that_round_to_one(client: httpx2.Client) -> None:
    """Products such as 255 * 0.00392156863 are a little over 1 as float64, and 1 as float32."""
    tensor = {"name": "image", "datatype": "FP32", "shape": [1, 784], "data": [1.00000000065, -1e-50] * 392}
    assert client.post(INFER, json={"inputs": [tensor]}).status_code == 200


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

INVALID = "The inference request is not valid: "
SHAPE = "For UINT8 send [n, 28, 28], n at least 1."
NESTING = "The data is not nested like the shape [{}, 28, 28]. Send it so, or flat."
UINT8_RANGE = "A value is not an integer from 0 to 255. Send such integers, or fractions from 0 to 1 as FP32 [n, 784]."
FP32_RANGE = "A value is not a number from 0 to 1. Send FP32 from 0 (background) to 1: grey / 255."
ADVICE = ". Send UINT8 [n, 28, 28] from 0 to 255, or FP32 [n, 784] from 0 to 1; /docs has an example."
DATA = " - at `$.inputs[0].data[0]`" + ADVICE
OUTPUTS = "Request any of probabilities, digit, confident once."

REFUSALS: list[tuple[Any, str]] = [
    (changed(name="picture"), "The inputs are ['picture']. Send one input, \"image\"."),
    (changed(name="x" * 1000), f"The inputs are ['{'x' * 12}...{'x' * 13}']. Send one input, \"image\"."),
    ({"inputs": []}, 'The inputs are []. Send one input, "image".'),
    (changed(datatype="FP16"), f"{INVALID}Invalid value 'FP16' - at `$.inputs[0].datatype`{ADVICE}"),
    (changed(shape=[28, 28]), f"The shape is [28, 28]. {SHAPE}"),
    (changed(shape=[0, 28, 28]), f"The shape is [0, 28, 28]. {SHAPE}"),
    (changed(shape=[-1, 28, 28]), f"The shape is [-1, 28, 28]. {SHAPE}"),
    (changed(shape=[1, 1, 28, 28]), f"The shape is [1, 1, 28, 28]. {SHAPE}"),
    (changed(shape=[1] * 100_000), f"The shape is [1, 1, 1, 1, 1, 1, ...]. {SHAPE}"),
    (changed(datatype="FP32"), "The shape is [1, 28, 28]. For FP32 send [n, 784], n at least 1."),
    (
        changed(shape=[2**31 - 1, 28, 28]),
        "The data has 784 values. The shape [2147483647, 28, 28] needs 1683627179248.",
    ),
    (
        changed(shape=[10**4000, 28, 28]),
        f"{INVALID}Expected `int` <= 2147483647 - at `$.inputs[0].shape[0]`{ADVICE}",
    ),
    (changed(data=[256] * 784), UINT8_RANGE),
    (changed(data=[0] * 783 + [-1]), UINT8_RANGE),
    (changed(data=[10**400] * 784), UINT8_RANGE),
    (changed(data=[0.5] * 784), f"{INVALID}Expected `int | array`, got `float`{DATA}"),
    (changed(data=[True] * 784), f"{INVALID}Expected `int | array`, got `bool`{DATA}"),
    (changed(data=["a" * 500_000, *[""] * 1000]), f"{INVALID}Expected `int | array`, got `str`{DATA}"),
    (changed(datatype="FP32", shape=[1, 784], data=[10**400] * 784), f"{INVALID}Number out of range{DATA}"),
    (changed(data=[[0] * 392] * 2), f"{INVALID}Expected `array` of length <= 28{DATA}"),
    (changed(data=[[]] * 500_000), f"{INVALID}Expected `array` of length >= 28{DATA}"),
    (changed(data=[[0] * 28] * 28), NESTING.format(1)),
    (changed(data=[[[0] * 28] * 28, 0]), NESTING.format(1)),
    (changed(data=[0, [[0] * 28] * 28]), NESTING.format(1)),
    (
        changed(datatype="x" * 500_000),
        f"{INVALID}Invalid value '{'x' * 85} ... {'x' * 71}' - at `$.inputs[0].datatype`{ADVICE}",
    ),
    (
        changed(shape=[2, 28, 28], data=[[[0] * 28] * 28, [[0] * 27] * 28]),
        f"{INVALID}Expected `array` of length >= 28 - at `$.inputs[0].data[1][0]`{ADVICE}",
    ),
    (changed(data=0), f"{INVALID}Expected `array | null`, got `int` - at `$.inputs[0].data`{ADVICE}"),
    (changed(data=[]), "The data has 0 values. The shape [1, 28, 28] needs 784."),
    (changed(data=[0]), "The data has 1 values. The shape [1, 28, 28] needs 784."),
    (changed(datatype="FP32", shape=[1, 784], data=[2] * 784), FP32_RANGE),
    (
        {"inputs": [BINARY]},
        "The input has no data. Send `data`, or binary_data_size and bytes after the JSON.",
    ),
    (
        {"inputs": [BINARY | {"parameters": {"binary_data_size": 784}}]},
        "binary_data_size is 784, but 0 bytes follow the JSON.",
    ),
    ({"inputs": [BLANK], "outputs": [{"name": "animal"}]}, f"The outputs are ['animal']. {OUTPUTS}"),
    ({"inputs": [BLANK], "outputs": [{"name": "digit"}] * 2}, f"The outputs are ['digit', 'digit']. {OUTPUTS}"),
    ({"inputs": [BLANK] * 2}, f"{INVALID}Expected `array` of length <= 1 - at `$.inputs`{ADVICE}"),
    ({}, f"{INVALID}Object missing required field `inputs`{ADVICE}"),
    ({"inputs": [{"name": "image"}]}, f"{INVALID}Object missing required field `datatype` - at `$.inputs[0]`{ADVICE}"),
    ([], f"{INVALID}Expected `object`, got `array`{ADVICE}"),
]


@pytest.mark.parametrize(("request_", "error"), REFUSALS)
def test_refusal(client: httpx2.Client, request_: Any, error: str) -> None:
    response = client.post(INFER, json=request_)
    assert (response.status_code, response.json()) == (400, {"error": error})


TORN = b'{"inputs":[{"name":"image","shape":[1,784],"datatype":"FP32","parameters":{"binary_data_size":3}}]}'
NAN = TORN.replace(b"3}", b"3136}") + b"\0\0\xc0\x7f" * 784
BOTH = json.dumps({"inputs": [BLANK]}).encode()
NUMBER = b'{"inputs":[{"name":"image","shape":[1,784],"datatype":"FP32","data":[*]}]}'
LENGTH = (
    "Inference-Header-Content-Length is {!r}, and the body has 2 bytes."
    " Send the number of bytes of the JSON at the beginning of the body."
)


@pytest.mark.parametrize(
    ("body", "length", "error"),
    [
        *((body, None, INVALID) for body in (b"{", b'{"inputs": ' + b"[" * 100_000, b"\xff")),
        (b"", None, "The body is empty. Send an inference request in JSON."),
        *((b"{}", length, LENGTH.format(length)) for length in ("x", "-1", "100000", "²", "9" * 5000)),
        (NAN, str(len(NAN) - 3136), FP32_RANGE),
        (TORN + b"abc", str(len(TORN)), "binary_data_size is 3. Send a multiple of 4 for FP32."),
        (BOTH + b"abc", str(len(BOTH)), "The input has `data`, but 3 bytes follow the JSON. Send one of the two."),
        (NUMBER.replace(b"*", b"NaN, " * 783 + b"NaN"), None, INVALID + "JSON is malformed: invalid character"),
        (NUMBER.replace(b"*", b"1e400, " * 783 + b"1e400"), None, INVALID + "Number out of range"),
        (NUMBER.replace(b"*", b"3.5e38, " * 783 + b"3.5e38"), None, FP32_RANGE),
    ],
)
def test_invalid_json_and_binary_data(client: httpx2.Client, body: bytes, length: str | None, error: str) -> None:
    headers = [] if length is None else [(b"Inference-Header-Content-Length", length.encode("latin-1"))]
    response = client.post(INFER, content=body, headers=headers)
    assert response.status_code == 400
    assert response.json()["error"].startswith(error)


def test_maximum_size_of_json(client: httpx2.Client) -> None:
    """A binary tensor of the same images is not too large."""
    images = 1000 * 784
    tensor = BLANK | {"shape": [1000, 28, 28], "data": [100] * images}
    response = client.post(INFER, json={"inputs": [tensor]})
    error = (
        f"The JSON has {len(response.request.content):,} bytes. Send at most 2,097,152,"
        " or send the images as a binary tensor after the JSON."
    )
    assert (response.status_code, response.json()) == (413, {"error": error})
    head = json.dumps({"inputs": [BINARY | {"shape": [1000, 28, 28], "parameters": {"binary_data_size": images}}]})
    headers = {"Inference-Header-Content-Length": str(len(head))}
    assert client.post(INFER, content=head.encode() + bytes(images), headers=headers).status_code == 200


def test_mounted_under_a_path_parameter() -> None:
    """The parameters of the outer application are not the model's."""
    outer = FastAPI()
    outer.mount("/of/{tenant}", create_app(Settings(access_log=False)))
    assert TestClient(outer).get(f"/of/a/v2/models/{MODEL}").json()["name"] == MODEL


def test_not_found(client: httpx2.Client) -> None:
    version = load(DEFAULT_PATH).metadata.version
    for path, error in (
        ("models/another", "There is no model 'another'. Use three-or-seven."),
        (f"models/{MODEL}/versions/9/ready", f"There is no version '9'. Use {version}."),
        ("nothing", "The path /v2/nothing does not exist. See /docs for the paths of this service."),
    ):
        response = client.get(f"/v2/{path}")
        assert (response.status_code, response.json()) == (404, {"error": error})
