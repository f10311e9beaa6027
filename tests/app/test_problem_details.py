"""Errors of the framework are problem documents too."""

import httpx2
import pytest
from fastapi import HTTPException
from starlette.testclient import TestClient

from app.classifier.weights import DEFAULT_PATH, load
from app.main import add_middleware, create_api
from app.service import Service
from app.settings import Settings
from tests.app.problems import assert_problem


def test_unknown_path_and_method(client: httpx2.Client) -> None:
    detail = "The path /nowhere does not exist. See /docs for the paths of this service."
    assert_problem(client.get("/nowhere"), 404, "not-found", "Not Found", detail)
    for method, path, allow in (
        ("GET", "/predict", "POST"),
        ("POST", "/model", "GET, HEAD"),
        ("PUT", "/static/page.js", "GET, HEAD"),
    ):
        response = client.request(method, path)
        assert response.headers["allow"] == allow
        detail = f"{path} does not support {method}. Send {allow.replace(', ', ' or ')}."
        assert_problem(response, 405, "method-not-allowed", "Method Not Allowed", detail)


def test_invalid_parameter_and_internal_error(caplog: pytest.LogCaptureFixture) -> None:
    service = Service(Settings(), load(DEFAULT_PATH))
    app = create_api(service)

    @app.get("/double")
    async def double(number: int) -> int:
        return 2 * number

    @app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, "I am {short} and stout.")

    @app.get("/fail")
    async def fail() -> None:
        raise RuntimeError("secret")

    client = TestClient(add_middleware(app, service))
    detail = "The query parameter number is 'x'. Input should be a valid integer, unable to parse string as an integer."
    assert_problem(client.get("/double?number=x"), 422, "validation", "A parameter is not valid", detail)
    assert_problem(client.get("/teapot"), 418, "i'm-a-teapot", "I'm a Teapot", "I am {short} and stout.")
    failed = client.get("/fail")
    assert f"Request {failed.headers['x-request-id']} failed" in caplog.text
    assert "RuntimeError: secret" in caplog.text
    assert failed.headers["x-content-type-options"] == "nosniff"
    detail = "An internal error occurred. The service's log has details under the request id."
    assert_problem(failed, 500, "internal", "Internal error", detail)
