"""The one shape of every refusal."""

import httpx2


def assert_problem(response: httpx2.Response, status: int, code: str, title: str, detail: str) -> None:
    """Check the whole of a problem response."""
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
