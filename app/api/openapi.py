"""The OpenAPI schema: its route, and descriptions of headers, errors and examples."""

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

from fastapi import FastAPI
from fastapi.openapi.constants import REF_TEMPLATE
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.staticfiles import NotModifiedResponse

from app.api.v2.codec import HEADER_LENGTH
from app.api.v2.schemas import InferenceError, InferenceRequest
from app.classifier.pixels import PIXELS
from app.errors import InternalError, Problem
from app.preprocessing.decode import DigitImage, read_digit
from app.problem_details import REQUEST_ID, ProblemDocument, ProblemResponse, is_inference_path, problem_document

Responses: TypeAlias = dict[int | str, dict[str, Any]]
"""Descriptions of responses by status."""

REQUEST_ID_HEADER = "X-Request-ID"

SAMPLE = Path(__file__).parents[1] / "static" / "samples" / "7.png"
"""Image from which the examples are made."""


def _header(description: str, example: str, required: bool = False) -> dict[str, Any]:
    return {"description": description, "required": required, "schema": {"type": "string"}, "example": example}


HEADERS = {
    REQUEST_ID_HEADER: _header("id of the request: the client's, if it is valid", REQUEST_ID, True),
    "Retry-After": _header("seconds after which to retry", "1"),
    "WWW-Authenticate": _header("authentication scheme for the API key, beside X-API-Key", "Bearer"),
    "Accept-Encoding": _header("supported encodings of the request body", "identity"),
    HEADER_LENGTH: _header("size of the JSON in bytes, if binary tensors follow it", "331"),
}
"""Headers that the schema describes."""


MODELS = (ProblemDocument, InferenceError, InferenceRequest)
"""Models that no route declares, since FastAPI would validate them or describe them with another media type."""


class Api(FastAPI):
    """A FastAPI application with summaries from docstrings, and the request id in the description of each response."""

    def setup(self) -> None:
        """Serve the schema compressed and with an ETag, in place of FastAPI's route."""
        self.router.routes.append(Route("/openapi.json", self._document, middleware=[Middleware(GZipMiddleware)]))

    async def _document(self, request: Request) -> Response:
        response = JSONResponse(self.openapi(), headers={"Cache-Control": "no-cache"})
        response.headers["ETag"] = f'"{sha256(response.body).hexdigest()}"'
        unchanged = request.headers.get("If-None-Match") == response.headers["ETag"]
        return NotModifiedResponse(response.headers) if unchanged else response

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema:
            return self.openapi_schema
        schema = super().openapi()
        _, models = models_json_schema([(model, "validation") for model in MODELS], ref_template=REF_TEMPLATE)
        schema["components"]["schemas"] |= models["$defs"]
        for operation in (operation for path in schema["paths"].values() for operation in path.values()):
            summary, _, operation["description"] = operation["description"].partition("\n\n")
            operation["summary"] = summary.rstrip(".")
            for response in operation["responses"].values():
                response.setdefault("headers", {})[REQUEST_ID_HEADER] = HEADERS[REQUEST_ID_HEADER]
        return schema


def shown(answer: Any) -> dict[str, Any]:
    """Make the description of a response from an example."""
    document = answer.model_dump() if isinstance(answer, BaseModel) else answer
    return {"content": {"application/json": {"example": document}}}


def problem_responses(path: str, *problems: type[Problem]) -> Responses:
    """Describe the error responses of a route, including internal errors."""
    kinds: Sequence[type[Problem]] = (*problems, InternalError)
    statuses = sorted({kind.status for kind in kinds})
    return {status: _refusal(path, [kind for kind in kinds if kind.status == status]) for status in statuses}


def _refusal(path: str, kinds: Sequence[type[Problem]]) -> dict[str, Any]:
    protocol = is_inference_path(path)
    model, response = (InferenceError, JSONResponse) if protocol else (ProblemDocument, ProblemResponse)
    examples = {}
    for kind in kinds:
        value = {"error": kind.example} if protocol else problem_document(kind(), path, REQUEST_ID).model_dump()
        examples[kind.code] = {"summary": kind.title, "value": value}
    return {
        "description": " · ".join(kind.title for kind in kinds),
        "headers": {name: HEADERS[name] for kind in kinds for name in kind.headers if name in HEADERS},
        "content": {response.media_type: {"schema": reference(model), "examples": examples}},
    }


@cache
def sample() -> DigitImage:
    """Read the sample image."""
    return read_digit(SAMPLE.read_bytes(), max_pixels=PIXELS)


def reference(model: type[BaseModel]) -> dict[str, str]:
    """Refer to one of `MODELS`."""
    return {"$ref": REF_TEMPLATE.format(model=model.__name__)}
