"""Error responses: problem details (RFC 9457), and under /v2 the Open Inference Protocol's `{"error": "..."}`."""

from collections.abc import Mapping
from http.client import responses
from reprlib import repr as shortened
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from app.errors import ImageMissing, InternalError, InvalidParameter, MethodNotAllowed, NotFound, Problem

REQUEST_ID = "5b14b2ee63c14c8eae0d1ad3c8a6a5d3"
"""Example of a request id."""


class ProblemDocument(BaseModel):
    """A problem with a request (RFC 9457)."""

    type: str = Field(description="path of a page that explains it", examples=["/problems/image-missing"])
    title: str = Field(description="short description of the type", examples=[ImageMissing.title])
    status: int = Field(description="HTTP status code", examples=[422])
    detail: str = Field(description="what was wrong and what to do", examples=["The file is empty. Send an image."])
    instance: str = Field(description="path of the request", examples=["/predict"])
    request_id: str = Field(description="also in the X-Request-ID header and in the log", examples=[REQUEST_ID])


class ProblemResponse(JSONResponse):
    """A problem document."""

    media_type = "application/problem+json"


async def refuse(error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
    """Send a problem response from an ASGI middleware."""
    response = await problem_response(Request(scope), error)
    await response(scope, receive, send)


async def problem_response(request: Request, error: Exception) -> Response:
    """Make a problem response. This is a Starlette exception handler."""
    problem = as_problem(request, error)
    if is_inference_path(request.url.path):
        return JSONResponse({"error": problem.detail}, problem.status, problem.headers)
    document = problem_document(problem, request.url.path, request.state.request_id)
    return ProblemResponse(document.model_dump(), problem.status, problem.headers)


HANDLERS: dict[Any, Any] = dict.fromkeys((Problem, HTTPException, RequestValidationError), problem_response)
"""Exception handlers of all errors but internal ones."""


def as_problem(request: Request, error: Exception) -> Problem:
    """Convert an exception of the service, of Starlette or of FastAPI into a problem."""
    path = request.url.path
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return InvalidParameter(" ".join(map(_explanation, error.errors())))
        case HTTPException(status_code=404, detail=detail):
            unknown = f"The path {path} does not exist. See /docs for the paths of this service."
            return NotFound(unknown if detail == NotFound.title else detail)
        case HTTPException(status_code=405, headers={"Allow": allowed}):
            allowed = "GET, HEAD" if allowed == "GET" else allowed  # `app.api.fast_path` answers HEAD as GET
            supported = allowed.replace(", ", " or ")
            problem: Problem = MethodNotAllowed(f"{path} does not support {request.method}. Send {supported}.")
            problem.headers = {"Allow": allowed}
        case HTTPException(status_code=status, detail=detail, headers=headers):
            problem, title = Problem(detail), responses.get(status, "Error")
            problem.status, problem.code, problem.title = status, title.lower().replace(" ", "-"), title
            problem.headers = headers or {}
        case _:
            problem = InternalError()
    return problem


def _explanation(error: Mapping[str, Any]) -> str:
    """Describe a validation error of Pydantic: what was received and what is allowed."""
    place, *names = error["loc"]
    if not names:  # the error of a model validator, such as that of `Options`
        return f"{error['msg']}."
    expected = "true or false" if error["type"] == "bool_parsing" else error.get("ctx", {}).get("expected")
    advice = f"Send {expected}" if expected else error["msg"]
    return f"The {place} parameter {'.'.join(map(str, names))} is {shortened(error['input'])}. {advice}."


def is_inference_path(path: str) -> bool:
    """Whether errors under this path are documents of the Open Inference Protocol."""
    return (path + "/").startswith("/v2/")


def problem_document(problem: Problem, instance: str, request_id: str) -> ProblemDocument:
    """Make the problem document. `instance` is the path of the request."""
    return ProblemDocument(
        type=f"/problems/{problem.code}",
        title=problem.title,
        status=problem.status,
        detail=problem.detail,
        instance=instance,
        request_id=request_id,
    )
