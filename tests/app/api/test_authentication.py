import os

import httpx2
import pytest

from tests.app.problems import assert_problem
from tests.conftest import HEALTH, SEVEN
from tests.serving import serve

KEY = "s3cret-ü"
OPTIONS = ("--api-key", KEY)
MISSING = "The request has no API key. Send it in the X-API-Key header, or as `Authorization: Bearer KEY`."
WRONG = "The API key is wrong. Send the service's key in X-API-Key or `Authorization: Bearer KEY`."


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/explain", "/v2/models/three-or-seven/infer"])
@pytest.mark.parametrize(
    ("header", "detail"),
    [
        (None, MISSING),
        (("X-API-Key", ""), MISSING),
        (("Authorization", f"Basic {KEY}"), MISSING),
        (("X-API-Key", "s3cret"), WRONG),
        (("X-API-Key", KEY + "x"), WRONG),
        (("Authorization", "Bearer s3cret"), WRONG),
    ],
)
def test_missing_or_wrong_key(
    server_client: httpx2.Client, path: str, header: tuple[str, str] | None, detail: str
) -> None:
    headers = [(header[0].encode(), header[1].encode())] if header else []
    response = server_client.post(path, content=SEVEN, headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    if path.startswith("/v2"):
        assert response.json() == {"error": detail}
    else:
        assert_problem(response, 401, "unauthorized", "The API key is missing or wrong", detail)


def test_routes_that_require_the_key(server_client: httpx2.Client) -> None:
    for header in ((b"X-API-Key", KEY.encode()), (b"Authorization", f"bearer {KEY}".encode())):
        assert server_client.post("/predict", content=SEVEN, headers=[header]).json()["digit"] == 7
        assert server_client.get("/model", headers=[header]).status_code == 200
    assert server_client.get("/model").status_code == 401
    for path in (*HEALTH, "/docs", "/openapi.json"):
        assert server_client.get(path).status_code == 200, path


@pytest.mark.parametrize("key", [b"s3cret\n", b" s3cret ", b"s3cret-\xe9"])
def test_key_of_a_secret(key: bytes) -> None:
    """A file often ends with a newline, which no header can hold. A key need not be UTF-8."""
    with serve(environment={"THREE_OR_SEVEN_API_KEY": os.fsdecode(key)}) as server:
        headers = [(b"X-API-Key", key.strip())]
        assert httpx2.post(f"{server.url}/predict", content=SEVEN, headers=headers).json()["digit"] == 7


def test_security_schemes_in_openapi(server_client: httpx2.Client, client: httpx2.Client) -> None:
    schema = server_client.get("/openapi.json").json()
    assert schema["components"]["securitySchemes"] == {
        "APIKeyHeader": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "HTTPBearer": {"type": "http", "scheme": "bearer"},
    }
    assert schema["paths"]["/predict"]["post"]["security"] == [{"APIKeyHeader": []}, {"HTTPBearer": []}]
    for free in ("/readyz", "/v2/models/{model}/ready"):
        assert "security" not in schema["paths"][free]["get"]
    assert "securitySchemes" not in client.get("/openapi.json").json()["components"]
