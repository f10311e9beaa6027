"""The OpenAPI schema: examples equal real responses."""

from typing import Any, NamedTuple

import httpx2
import jsonschema
import pytest

from app import __version__
from app.errors import Problem
from app.formats import FORMATS
from tests.app.api.routes.test_predict import REFUSALS

INFER = "/v2/models/{model}/infer"
STATUSES = {problem.code: problem.status for problem in Problem.__subclasses__()}
NOT_OF_ROUTES = {"not-found", "method-not-allowed"}
HEADERS = {"401": {"WWW-Authenticate"}, "415": {"Accept-Encoding"}, "503": {"Retry-After"}}


class Answer(NamedTuple):
    """A response in the schema."""

    path: str
    method: str
    status: str
    media_type: str
    headers: set[str]
    content: dict[str, Any]


@pytest.fixture(scope="module")
def document(client: httpx2.Client) -> Any:
    return client.get("/openapi.json").json()


@pytest.fixture(scope="module")
def answers(document: Any) -> list[Answer]:
    return [
        Answer(path, method, status, media_type, set(response["headers"]), content)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for status, response in operation["responses"].items()
        for media_type, content in response["content"].items()
    ]


def test_versions_summaries_and_uploads(client: httpx2.Client, document: Any) -> None:
    info = document["info"]
    model = client.get("/model").json()["version"]
    assert (info["version"], info["description"]) == (__version__, f"Model version: {model}.")
    summaries = [operation["summary"] for path in document["paths"].values() for operation in path.values()]
    assert "Tell whether an image is a 3 or a 7" in summaries
    assert all(summary.count(" ") > 2 for summary in summaries)
    images = {each.media_type for each in FORMATS}
    assert set(document["paths"]["/predict"]["post"]["requestBody"]["content"]) == {"multipart/form-data"} | images


def test_examples_follow_their_schemas(document: Any, answers: list[Answer]) -> None:
    for answer in answers:
        if answer.media_type.endswith("json"):
            examples = [shown["value"] for shown in answer.content.get("examples", {}).values()]
            schema = answer.content["schema"] | {"components": document["components"]}
            for example in examples or [answer.content["example"]]:
                jsonschema.validate(example, schema)


def test_examples_of_problems(answers: list[Answer]) -> None:
    shown = set()
    for answer in answers:
        for code, example in answer.content.get("examples", {}).items():
            shown.add(code)
            assert int(answer.status) == STATUSES[code]
            if answer.path.startswith("/v2"):
                assert set(example["value"]) == {"error"}
            else:
                assert answer.media_type == "application/problem+json"
                assert example["value"]["type"] == f"/problems/{code}"
                assert example["value"]["status"] == STATUSES[code]
                assert example["value"]["instance"] == answer.path
    assert shown == set(STATUSES) - NOT_OF_ROUTES


def test_get_responses_equal_their_examples(client: httpx2.Client, answers: list[Answer]) -> None:
    version = client.get("/model").json()["version"]
    shown = [answer for answer in answers if (answer.method, answer.status) == ("get", "200")]
    for answer in shown:
        if answer.media_type == "application/json":
            path = answer.path.format(model="three-or-seven", version=version)
            assert client.get(path).json() == answer.content["example"]
    assert len(shown) > 8


def test_inference_example(client: httpx2.Client, document: Any) -> None:
    operation = document["paths"][INFER]["post"]
    request = operation["requestBody"]["content"]["application/json"]["example"]
    response = client.post(INFER.format(model="three-or-seven"), json=request)
    assert response.status_code == 200
    answer, shown = response.json(), operation["responses"]["200"]["content"]["application/json"]["example"]
    assert answer["outputs"][0].pop("data") == pytest.approx(shown["outputs"][0].pop("data"))
    assert answer == shown


@pytest.mark.parametrize("name", ["invalid fit", "text", "wrong field", "truncated image", "another size", "blank"])
def test_problems_equal_their_examples(client: httpx2.Client, document: Any, name: str) -> None:
    request, (status, code, _), _ = REFUSALS[name]
    described = document["paths"]["/predict"]["post"]["responses"][str(status)]
    shown = described["content"]["application/problem+json"]["examples"][code]["value"]
    refused = client.post("/predict", **request, headers={"X-Request-ID": shown["request_id"]})
    assert refused.json() == shown


def test_headers_and_statuses(answers: list[Answer]) -> None:
    for answer in answers:
        expected = {"X-Request-ID"}
        if "examples" in answer.content:
            expected |= HEADERS.get(answer.status, set())
        if answer.path.endswith("/infer") and answer.status == "200":
            expected.add("Inference-Header-Content-Length")
        assert answer.headers == expected
        if answer.path.startswith("/v2"):
            assert answer.status != "422"  # the protocol has no query parameters
        if answer.path.endswith(("ready", "live", "livez", "readyz", "health")):  # health checks
            assert answer.status != "401"
            assert answer.status != "503" or "examples" not in answer.content
