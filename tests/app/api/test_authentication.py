import httpx2
import pytest

from tests.app.problems import assert_problem
from tests.conftest import HEALTH, SEVEN

KEY = "s3cret-ü"
OPTIONS = ("--api-key", KEY)


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/explain", "/v2/models/three-or-seven/infer"])
@pytest.mark.parametrize("sent", [None, "", "s3cret", KEY + "x"])
def test_without_the_key_there_is_no_answer(server_client: httpx2.Client, path: str, sent: str | None) -> None:
    headers = [] if sent is None else [(b"X-API-Key", sent.encode())]
    response = server_client.post(path, content=SEVEN, headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "X-API-Key"
    detail = "This service wants its API key in the header X-API-Key."
    if path.startswith("/v2"):
        assert response.json() == {"error": detail}
    else:
        assert_problem(response, 401, "unauthorized", "The API key is missing or wrong", detail)


def test_key_is_needed_except_for_health_metrics_and_documentation(server_client: httpx2.Client) -> None:
    headers = [(b"X-API-Key", KEY.encode())]
    assert server_client.post("/predict", content=SEVEN, headers=headers).json()["digit"] == 7
    assert server_client.get("/model", headers=headers).status_code == 200
    assert server_client.get("/model").status_code == 401
    for path in (*HEALTH, "/docs", "/openapi.json"):
        assert server_client.get(path).status_code == 200, path


def test_security_scheme_is_described_only_with_a_key(server_client: httpx2.Client, client: httpx2.Client) -> None:
    schema = server_client.get("/openapi.json").json()
    assert schema["components"]["securitySchemes"] == {
        "APIKeyHeader": {"type": "apiKey", "in": "header", "name": "X-API-Key"}
    }
    assert schema["paths"]["/predict"]["post"]["security"] == [{"APIKeyHeader": []}]
    for free in ("/readyz", "/v2/models/{model}/ready"):
        assert "security" not in schema["paths"][free]["get"]
    assert "securitySchemes" not in client.get("/openapi.json").json()["components"]
