"""Problem details (RFC 9457): the one shape in which the service says no.

Under /v2 it is the Open Inference Protocol's, `{"error": "..."}`.
"""

from collections.abc import Mapping
from http.client import responses

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from app.errors import InternalError, InvalidParameter, Problem

REQUEST_ID = "5b14b2ee63c14c8eae0d1ad3c8a6a5d3"
"""Example of a request id."""


class ProblemDocument(BaseModel):
    """Why a request was refused (RFC 9457)."""

    type: str = Field(description="stable name of the kind of problem", examples=["/problems/image-format"])
    title: str = Field(
        description="the same words for every problem of the type",
        examples=["The file is not an image of a known format"],
    )
    status: int = Field(description="the HTTP status code", examples=[415])
    detail: str = Field(
        description="what was wrong and what to do",
        examples=["The file is not a PNG, JPEG, WebP, BMP or GIF image. Send one of these formats."],
    )
    instance: str = Field(description="path of the request", examples=["/predict"])
    request_id: str = Field(description="also in the X-Request-ID header and in the log", examples=[REQUEST_ID])


class ProblemResponse(JSONResponse):
    """A problem document."""

    media_type = "application/problem+json"


def add_problem_handlers(app: FastAPI) -> None:
    """Make every error of the service and of the framework a problem."""
    for kind in (*HANDLERS, Exception):
        app.add_exception_handler(kind, problem_response)


async def refuse(error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request with its problem, from outside of the framework's own handling of errors."""
    response = await problem_response(Request(scope), error)
    await response(scope, receive, send)


async def problem_response(request: Request, error: Exception) -> Response:
    """Make a response of an error, as an exception handler of Starlette."""
    headers: Mapping[str, str] | None = None
    match error:
        case HTTPException():
            status, title, headers = error.status_code, responses.get(error.status_code, "Error"), error.headers
            code = title.lower().replace(" ", "-")
            detail = _EXPLANATIONS.get(status, title) if error.detail == title else error.detail
        case ClientDisconnect():  # nobody is left to read this, and it is no fault to be logged
            status, code, title, detail = 400, "client-disconnect", "The client left", "The body did not arrive whole."
        case _:
            problem = _problem(error)
            status, code, title, detail = problem.status, problem.code, problem.title, problem.detail
            headers = problem.headers
    if speaks_protocol(request.url.path):
        return JSONResponse({"error": detail}, status, headers)
    document = _document(status, code, title, detail, request.url.path, request.state.request_id)
    return ProblemResponse(document.model_dump(), status, headers)


HANDLERS = dict.fromkeys((Problem, HTTPException, RequestValidationError, ClientDisconnect), problem_response)
"""Exception handlers of the errors that are no faults of the service."""


def speaks_protocol(path: str) -> bool:
    """Whether refusals under this path are the Open Inference Protocol's."""
    return (path + "/").startswith("/v2/")


def problem_document(problem: Problem, instance: str, request_id: str) -> ProblemDocument:
    """The document alone, for a problem with a part of the request, or with what is none."""
    return _document(problem.status, problem.code, problem.title, problem.detail, instance, request_id)


def _problem(error: Exception) -> Problem:
    """The error itself, or what stands for it."""
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return InvalidParameter(
                "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()) + "."
            )
    return InternalError()


def _document(status: int, code: str, title: str, detail: str, instance: str, request_id: str) -> ProblemDocument:
    return ProblemDocument(
        type=f"/problems/{code}", title=title, status=status, detail=detail, instance=instance, request_id=request_id
    )


_EXPLANATIONS = {
    404: "There is nothing at this path. See /docs for what there is.",
    405: "This path does not answer this method. See /docs for what it answers.",
}
