"""The OpenAPI schema: its route, and descriptions of headers, errors and examples."""

from collections.abc import Mapping, Sequence
from copy import copy
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

from fastapi import FastAPI
from fastapi.openapi.constants import REF_TEMPLATE
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.staticfiles import NotModifiedResponse

from app.api.advice import advised
from app.classifier.pixels import PIXELS
from app.errors import InternalError, Problem
from app.preprocessing.decode import DigitImage, read_digit
from app.problem_details import EXAMPLE_REQUEST_ID, INFERENCE_FORM, PROBLEM_FORM, error_form

Responses: TypeAlias = dict[int | str, dict[str, Any]]
"""Descriptions of responses by status."""

Components: TypeAlias = Mapping[str, Any]
"""JSON schemas by name, to which the descriptions refer."""

REQUEST_ID_HEADER = "X-Request-ID"
HEADER_LENGTH = "Inference-Header-Content-Length"
"""Header with the size of the JSON in bytes, if binary tensors follow the JSON."""

SAMPLE = Path(__file__).parents[1] / "static" / "samples" / "7.png"
"""Image from which the examples are made."""


def _header(description: str, example: str, required: bool = False) -> dict[str, Any]:
    return {"description": description, "required": required, "schema": {"type": "string"}, "example": example}


HEADERS = {
    REQUEST_ID_HEADER: _header("id of the request: the client's, if it is valid", EXAMPLE_REQUEST_ID, True),
    "Retry-After": _header("seconds after which to retry", "1"),
    "WWW-Authenticate": _header("authentication scheme for the API key, beside X-API-Key", "Bearer"),
    "Accept-Encoding": _header("supported encodings of the request body", "identity"),
    HEADER_LENGTH: _header("size of the JSON in bytes, if binary tensors follow it", "331"),
}
"""Headers that the schema describes."""

ERROR_DOCUMENTS: Components = {
    form.document.__name__: TypeAdapter(form.document).json_schema() for form in (PROBLEM_FORM, INFERENCE_FORM)
}
"""The schemas of error documents. If a route declared them, FastAPI would describe problems as `application/json`."""


def schema_route(api: FastAPI) -> Route:
    """Make the route of the schema, which is compressed and has an ETag."""

    async def schema(request: Request) -> Response:
        response = JSONResponse(api.openapi(), headers={"Cache-Control": "no-cache"})
        response.headers["ETag"] = f'"{sha256(response.body).hexdigest()}"'
        unchanged = request.headers.get("If-None-Match") == response.headers["ETag"]
        return NotModifiedResponse(response.headers) if unchanged else response

    return Route("/openapi.json", schema, middleware=[Middleware(GZipMiddleware)])


def describe(api: FastAPI, components: Components) -> dict[str, Any]:
    """Make the schema, with summaries from docstrings, and the request id in the description of each response.

    components: schemas of request bodies that FastAPI does not validate, by name.
    """
    routes = [_without_head(route) for route in api.routes if isinstance(route, APIRoute) and route.include_in_schema]
    schema = get_openapi(
        title=api.title, version=api.version, summary=api.summary, description=api.description, routes=routes
    )
    schema["components"]["schemas"].update(ERROR_DOCUMENTS, **components)
    for route in routes:
        for operation in schema["paths"][route.path_format].values():
            summary, _, operation["description"] = route.description.partition("\n\n")
            operation["summary"] = summary.rstrip(".")
            for status, response in operation["responses"].items():
                response.setdefault("headers", {})[REQUEST_ID_HEADER] = HEADERS[REQUEST_ID_HEADER]
                _restore_nulls(response, route.responses.get(int(status), {}))
    return schema


def _without_head(route: APIRoute) -> APIRoute:
    """Copy a route, to describe it without HEAD, which HTTP defines for every path with GET."""
    described = copy(route)
    described.methods = (route.methods or set()) - {"HEAD"}
    return described


def _restore_nulls(response: dict[str, Any], declared: Mapping[str, Any]) -> None:
    """Put the example of a response back. `get_openapi` leaves out fields that are null, but they are required."""
    for media_type, content in declared.get("content", {}).items():
        if "example" in content:
            response["content"][media_type]["example"] = content["example"]


def shown(document: Any) -> dict[str, Any]:
    """Make the description of a response from an example."""
    return {"content": {"application/json": {"example": document}}}


def problem_responses(path: str, *problems: type[Problem]) -> Responses:
    """Describe the error responses of a route, including internal errors."""
    kinds: Sequence[type[Problem]] = (*problems, InternalError)
    statuses = sorted({kind.status for kind in kinds})
    return {status: _refusal(path, [kind for kind in kinds if kind.status == status]) for status in statuses}


def _refusal(path: str, kinds: Sequence[type[Problem]]) -> dict[str, Any]:
    form = error_form(path)
    examples = {
        kind.code: {"summary": kind.title, "value": form.make(advised(kind.documented()), path, EXAMPLE_REQUEST_ID)}
        for kind in kinds
    }
    return {
        "description": " · ".join(kind.title for kind in kinds),
        "headers": {name: HEADERS[name] for kind in kinds for name in kind.headers if name in HEADERS},
        "content": {form.media_type: {"schema": reference(form.document.__name__), "examples": examples}},
    }


@cache
def sample() -> DigitImage:
    """Read the sample image."""
    return read_digit(SAMPLE.read_bytes(), max_pixels=PIXELS)


def reference(name: str) -> dict[str, str]:
    """Refer to a component by its name."""
    return {"$ref": REF_TEMPLATE.format(model=name)}
