"""Error responses: problem details (RFC 9457), and under /v2 the Open Inference Protocol's `{"error": "..."}`."""

from collections.abc import Callable, Mapping
from http.client import responses
from logging import getLogger
from reprlib import repr as shortened
from typing import Annotated, Any, NamedTuple

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from typing_extensions import TypedDict  # Pydantic reads those of `typing` only from Python 3.12 on

from app.errors import ImageMissing, InternalError, InvalidParameter, MethodNotAllowed, NotFound, Problem

logger = getLogger("uvicorn.error")

EXAMPLE_REQUEST_ID = "5b14b2ee63c14c8eae0d1ad3c8a6a5d3"
"""Example of a request id."""


class ProblemDocument(TypedDict):
    """A problem with a request (RFC 9457)."""

    type: Annotated[str, Field(description="path of a page that explains it", examples=["/problems/image-missing"])]
    title: Annotated[str, Field(description="short description of the type", examples=[ImageMissing.title])]
    status: Annotated[int, Field(description="HTTP status code", examples=[422])]
    detail: Annotated[
        str, Field(description="what was wrong and what to do", examples=["The file is empty. Send an image."])
    ]
    instance: Annotated[str, Field(description="path of the request", examples=["/predict"])]
    request_id: Annotated[
        str, Field(description="as in the X-Request-ID header and in the log", examples=[EXAMPLE_REQUEST_ID])
    ]


class InferenceError(TypedDict):
    """Description of an error."""

    error: str


def problem_document(problem: Problem, instance: str, request_id: str) -> ProblemDocument:
    """Make the problem document. `instance` is the path of the request."""
    return {
        "type": f"/problems/{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": instance,
        "request_id": request_id,
    }


def inference_error(problem: Problem, _instance: str, _request_id: str) -> InferenceError:
    """Make the error document of the Open Inference Protocol."""
    return {"error": problem.detail}


class ErrorForm(NamedTuple):
    """A form of error responses: its media type, its document, and the function that makes it."""

    media_type: str
    document: type[Any]
    make: Callable[[Problem, str, str], Any]


PROBLEM_FORM = ErrorForm("application/problem+json", ProblemDocument, problem_document)
INFERENCE_FORM = ErrorForm("application/json", InferenceError, inference_error)


def error_form(path: str) -> ErrorForm:
    """Return the form of errors under a path."""
    return INFERENCE_FORM if (path + "/").startswith("/v2/") else PROBLEM_FORM


async def refuse(error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
    """Send an error response from an ASGI middleware."""
    response = await problem_response(Request(scope), error)
    await response(scope, receive, send)


async def problem_response(request: Request, error: Exception) -> Response:
    """Make an error response, and log internal errors. This is a Starlette exception handler."""
    problem, path, request_id = as_problem(request, error), request.url.path, request.state.request_id
    if isinstance(problem, InternalError):
        logger.error("Request %s failed", request_id, exc_info=error)
    form = error_form(path)
    document = form.make(problem, path, request_id)
    return JSONResponse(document, problem.status, problem.headers, form.media_type)


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
        case HTTPException(status_code=404):
            return NotFound(path=path)
        case HTTPException(status_code=405, headers={"Allow": allow}):
            methods = sorted(allow.split(", "))  # Starlette keeps them in a set
            problem: Problem = MethodNotAllowed(path=path, method=request.method, allowed=" or ".join(methods))
            problem.headers = {"Allow": ", ".join(methods)}
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
    expected = "true or false" if error["type"] == "bool_parsing" else error.get("ctx", {}).get("expected")
    advice = f"Send {expected}" if expected else error["msg"]
    value = shortened(error["input"])
    return InvalidParameter.template.format(place=place, name=".".join(map(str, names)), value=value, advice=advice)
