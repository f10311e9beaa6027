"""Comparison of problem responses."""

import httpx2


def assert_problem(response: httpx2.Response, status: int, code: str, title: str, detail: str) -> None:
    """Compare a response with a problem document, field by field."""
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": response.request.url.path,
        "request_id": response.headers["x-request-id"],
    }
    assert response.status_code == status
