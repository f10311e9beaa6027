from collections.abc import Iterator

import httpx2
import pytest

from tests.app.problems import assert_problem
from tests.conftest import HEALTH, SEVEN
from tests.serving import serve

KEY = "s3cret-ü"


@pytest.fixture(scope="module")
def guarded() -> Iterator[httpx2.Client]:
    with serve(environment={"THREE_OR_SEVEN_API_KEY": KEY}) as server, httpx2.Client(base_url=server.url) as client:
        yield client


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/explain", "/v2/models/three-or-seven/infer"])
@pytest.mark.parametrize("sent", [None, "", "s3cret", KEY + "x"])
def test_without_the_key_there_is_no_answer(guarded: httpx2.Client, path: str, sent: str | None) -> None:
    headers = [] if sent is None else [(b"X-API-Key", sent.encode())]
    response = guarded.post(path, content=SEVEN, headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "X-API-Key"
    detail = "This service wants its API key in the header X-API-Key."
    if path.startswith("/v2"):
        assert response.json() == {"error": detail}
    else:
        assert_problem(response, 401, "unauthorized", "The API key is missing or wrong", detail)


def test_with_the_key_there_is(guarded: httpx2.Client) -> None:
    headers = [(b"X-API-Key", KEY.encode())]
    assert guarded.post("/predict", content=SEVEN, headers=headers).json()["digit"] == 7
    assert guarded.get("/model", headers=headers).status_code == 200
    assert guarded.get("/model").status_code == 401


@pytest.mark.parametrize("path", [*HEALTH, "/docs", "/openapi.json"])
def test_health_figures_and_documentation_need_none(guarded: httpx2.Client, path: str) -> None:
    assert guarded.get(path).status_code == 200


def test_swagger_is_told_of_the_key_only_where_there_is_one(guarded: httpx2.Client, client: httpx2.Client) -> None:
    schema = guarded.get("/openapi.json").json()
    assert schema["components"]["securitySchemes"] == {
        "APIKeyHeader": {"type": "apiKey", "in": "header", "name": "X-API-Key"}
    }
    assert schema["paths"]["/predict"]["post"]["security"] == [{"APIKeyHeader": []}]
    for free in ("/readyz", "/v2/models/{model}/ready"):
        assert "security" not in schema["paths"][free]["get"]
    assert "securitySchemes" not in client.get("/openapi.json").json()["components"]
