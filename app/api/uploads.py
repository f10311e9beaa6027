"""Reading what a request sends: its query parameters, and its upload, which is a form field or the body itself.

`request.form()` is not used. Starlette writes files of more than 1 MiB to a disk, which may be read-only, and its
parser takes longer than the classification of the image.
"""

import re
from collections import Counter
from collections.abc import Container
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl

from fastapi.exceptions import RequestValidationError
from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser, parse_options_header
from pydantic import BaseModel, Field, ValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.errors import BatchTooLarge, ContentEncoding, ImageMissing, InvalidParameter
from app.preprocessing.polarity import Ink

FIELD = "file"
BATCH_FIELD = "files"

MAX_PARTS = 16
"""Maximum number of parts of a form, not counting the images of a batch. Each part takes time to parse."""

MAX_NAME_LENGTH = 40
"""Maximum number of characters of a field name in an error."""


class Options(BaseModel, frozen=True):
    """Query parameters. Unknown ones are refused."""

    fit: bool = Field(False, description="find, scale and centre the digit in an image of any size, not only 28 x 28")
    ink: Ink = Field("auto", description="whether the digit is darker or lighter than its background")


class ExplainOptions(Options, frozen=True):
    """Query parameters of /explain."""

    colors: bool = Field(True, description="`false` shows the network's input alone, without colours.")


AnyOptions = TypeVar("AnyOptions", bound=BaseModel)

BINARY = {"type": "string", "format": "binary"}


class Part(NamedTuple):
    """One part of a form."""

    name: str
    filename: str | None
    content: bytes


def upload_body(field: str, content: dict[str, Any], *bare: str) -> dict[str, Any]:
    """Describe a request body: a form with one field, or the content itself with a Content-Type of `bare`."""
    form = {"schema": {"type": "object", "required": [field], "properties": {field: content}}}
    bodies = {kind: {"schema": content} for kind in bare}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": form} | bodies}}


@lru_cache(maxsize=64)
def parse_options(model: type[AnyOptions], query: bytes) -> AnyOptions:
    """Validate a query string.

    Few query strings are in use, so that nearly all are found in the cache. Errors are not cached.
    Raises InvalidParameter if a parameter is unknown or repeated, RequestValidationError if a value is not valid.
    """
    sent = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    counts, known = Counter(name for name, _ in sent), model.model_fields
    if unknown := sorted(counts.keys() - known.keys()):
        raise InvalidParameter(f"Unknown query parameter {', '.join(unknown)}. Send any of {', '.join(known)}.")
    for name, count in counts.items():
        if count > 1:
            raise InvalidParameter(f"The query parameter {name} is given {count} times. Send it once.")
    try:
        return model.model_validate(dict(sent))
    except ValidationError as error:
        errors = error.errors(include_url=False)
        raise RequestValidationError([{**each, "loc": ("query", *each["loc"])} for each in errors]) from None


async def read_body(request: Request) -> bytes:
    """Read the request body, whose size `app.middleware.limits` bounds.

    Raises ContentEncoding, BodyTooLarge, BodyTimeout, Overloaded, or HTTPException if the client disconnects.
    """
    headers = request.headers
    if "content-encoding" in headers and headers["content-encoding"].lower() not in ("", "identity"):
        raise ContentEncoding(encoding=headers["content-encoding"])
    chunks: list[bytes] = []
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise HTTPException(400, "The client disconnected before the end of the body.")
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


async def read_upload(request: Request, query: Container[str]) -> bytes:
    """Read the uploaded file. Form fields with the name of a parameter of the `query` are refused.

    Raises InvalidParameter, ImageMissing unless there is exactly one file, and the same errors as `read_body`.
    """
    body = await read_body(request)
    boundary = _boundary(request.headers)
    advice = f'Send one image in the field "{FIELD}"'
    if boundary is None:
        if not body:
            raise ImageMissing(f"The body is empty. {advice} of a form, or as the body.")
        return body
    parts = _parse_form(body, boundary, query, MAX_PARTS)
    if parts is None:
        raise ImageMissing(fields=f"more than {MAX_PARTS} fields", advice=advice)
    images = [part.content for part in parts if part.name == FIELD]
    if len(images) != 1:
        several = f', or several to /predict/batch in fields "{BATCH_FIELD}"' if images else ""
        raise ImageMissing(fields=_fields(parts), advice=advice + several)
    return images[0]


async def read_batch(request: Request, query: Container[str], max_batch: int) -> list[Part]:
    """Read all uploaded files. Raises BatchTooLarge, and the same errors as `read_upload`."""
    body = await read_body(request)
    boundary = _boundary(request.headers)
    if boundary is None:
        raise ImageMissing(f'The body is not a form. Send a multipart form with each image in a field "{BATCH_FIELD}".')
    parts = _parse_form(body, boundary, query, max_batch + MAX_PARTS)
    if parts is None:
        raise BatchTooLarge(f"The form has more than {max_batch + MAX_PARTS} fields. Send at most {max_batch} images.")
    uploads = [part for part in parts if part.name == BATCH_FIELD]
    if len(uploads) > max_batch:
        raise BatchTooLarge(maximum=max_batch)
    if not uploads:
        raise ImageMissing(fields=_fields(parts), advice=f'Send each image in a field "{BATCH_FIELD}"')
    return uploads


def content_type(headers: Headers) -> str:
    """Return the Content-Type in lower case, without its parameters."""
    kind: str
    kind, _ = parse_options_header(headers.get("content-type", ""))
    return kind


def _boundary(headers: Headers) -> str | None:
    """Return the boundary of a form, or None if the body is not a form."""
    kind, options = parse_options_header(headers.get("content-type", ""))
    return options.get("boundary", "") if kind == "multipart/form-data" else None


def _parse_form(body: bytes, boundary: str, query: Container[str], maximum: int) -> list[Part] | None:
    """Return the parts of a form; None if there are more than the maximum.

    Raises InvalidParameter if a field belongs in the query, ImageMissing if the form cannot be parsed.
    """
    parts: list[Part] = []
    try:
        with PushMultipartParser(boundary, max_segment_count=maximum, header_charset="latin-1") as parser:
            for event in parser.parse(body):  # for each part: its head, its content if it has any, None
                if isinstance(event, MultipartSegment):
                    head, content = event, b""
                elif event:
                    content += event
                else:
                    parts.append(Part(_decoded(head.name), head.filename and _decoded(head.filename), content))
    except MultipartError as error:
        if isinstance(error, ParserLimitReached) and len(parts) == maximum:
            return None
        if not boundary:
            advice = "Let your HTTP client set the Content-Type of the form"
            raise ImageMissing(f"The Content-Type has no boundary. {advice}.") from error
        raise ImageMissing(f"The multipart form is not complete and valid: {error}. Send all of it.") from error
    for part in parts:
        if part.name in query:
            value = part.content.decode() if re.fullmatch(rb"\w{1,9}", part.content) else "VALUE"
            raise InvalidParameter(f'"{part.name}" is a form field. Send it in the URL: ?{part.name}={value}.')
    return parts


def _decoded(text: str) -> str:
    """Decode UTF-8 that was parsed as Latin-1, which cannot fail. Invalid bytes become replacement characters."""
    return text.encode("latin-1").decode(errors="replace")


def _fields(parts: list[Part]) -> str:
    """Name the fields of a form for an error."""
    names = ", ".join(f'"{part.name[:MAX_NAME_LENGTH]}"' for part in parts)
    return f"the field{'s' * (len(parts) > 1)} {names}" if parts else "no field"
