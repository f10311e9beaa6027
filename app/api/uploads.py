"""The images in a request: fields of a form, or the body itself."""

from collections.abc import Sequence
from typing import Any

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.errors import BatchTooLarge, ContentEncoding, ImageMissing, Problem

FIELD = "file"
BATCH_FIELD = "files"

MAX_PARTS = 16
"""Of a form, beside a batch: nobody sends more, and each costs time to parse."""

LONGEST_NAME = 40
"""Of a field, in characters, as it is shown to whoever sent it."""

BINARY = {"type": "string", "format": "binary"}

FORMATS = tuple(f"image/{kind}" for kind in ("png", "jpeg", "webp", "bmp", "gif"))

Part = tuple[str, bytes]
"""Name and content"""


NO_IMAGES = frozenset({"application/json", "application/x-www-form-urlencoded"})
"""What bodies for other services are called. Such a body may be an image even so: curl calls what it sends a form."""


def form_schema(field: str, content: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI description of a form with one field."""
    return {"schema": {"type": "object", "required": [field], "properties": {field: content}}}


REQUEST_BODY = {
    "required": True,
    "content": {"multipart/form-data": form_schema(FIELD, BINARY)} | {kind: {"schema": BINARY} for kind in FORMATS},
}
"""The OpenAPI description of one image, in a form or bare."""


def batch_body(max_batch: int) -> dict[str, Any]:
    """The OpenAPI description of several images."""
    files = {"type": "array", "items": BINARY, "minItems": 1, "maxItems": max_batch}
    return {"required": True, "content": {"multipart/form-data": form_schema(BATCH_FIELD, files)}}


async def read_body(request: Request) -> bytes:
    """Collect a body in memory: `app.middleware.limits` bounds it.

    Raises ContentEncoding, BodyTooLarge, BodyTimeout, or HTTPException if the client disconnects.
    """
    encoding = request.headers.get("content-encoding", "")
    if encoding.lower() not in ("", "identity"):
        raise ContentEncoding
    chunks: list[bytes] = []
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise HTTPException(400, "The client disconnected before the whole body arrived.")
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


async def read_upload(request: Request) -> bytes:
    """Read the uploaded file. Raises ImageMissing if there is none, and what `read_body` does."""
    body = await read_body(request)
    boundary = _boundary(request.headers)
    if boundary is None:
        if not body:
            raise ImageMissing(f'The body is empty. Send an image as the body or in the form field "{FIELD}".')
        return body
    too_many = ImageMissing(f'The form has more than {MAX_PARTS} fields. Send one image in the field "{FIELD}".')
    parts = _parse_form(body, boundary, MAX_PARTS, too_many)
    images = [content for name, content in parts if name == FIELD]
    if len(images) != 1:
        raise ImageMissing(f'The form has {_names(parts)}. Send one image in the field "{FIELD}".')
    return images[0]


def mistaken_kind(headers: Headers) -> str | None:
    """The Content-Type of a body if it is none that images come in; None if it may be one."""
    content_type, _ = parse_options_header(headers.get("content-type", ""))
    return content_type if content_type in NO_IMAGES else None


async def read_batch(request: Request, max_batch: int) -> list[bytes]:
    """Read all uploaded files. Raises ImageMissing, BatchTooLarge, and what `read_body` does."""
    body = await read_body(request)
    boundary = _boundary(request.headers)
    if boundary is None:
        raise ImageMissing(f'The body is no form. Send a multipart form with each image in a field "{BATCH_FIELD}".')
    too_many = BatchTooLarge(f"The form has more than {max_batch} images. Send them in several requests.")
    parts = _parse_form(body, boundary, max_batch + MAX_PARTS, too_many)
    images = [content for name, content in parts if name == BATCH_FIELD]
    if not images:
        raise ImageMissing(f'The form has {_names(parts)}. Send each image in a field "{BATCH_FIELD}".')
    if len(images) > max_batch:
        raise too_many
    return images


def _boundary(headers: Headers) -> str | None:
    """What separates the parts of a form; None if the body is no form."""
    content_type, options = parse_options_header(headers.get("content-type", ""))
    return options.get("boundary", "") if content_type == "multipart/form-data" else None


def _names(parts: Sequence[Part]) -> str:
    return ", ".join(f'"{name[:LONGEST_NAME]}"' for name, _ in parts) or "no field"


def _parse_form(body: bytes, boundary: str, max_parts: int, too_many: Problem) -> list[Part]:
    """Names and contents of the parts of a multipart body."""
    parts: list[Part] = []
    try:
        with PushMultipartParser(boundary) as parser:
            for event in parser.parse(body):  # of each part: its head, its content if it has any, None
                if isinstance(event, MultipartSegment):
                    if len(parts) == max_parts:
                        raise too_many
                    parts.append((event.name, b""))
                elif event:
                    parts[-1] = (parts[-1][0], parts[-1][1] + event)
    except MultipartError as error:
        raise ImageMissing("The multipart form cannot be read. Send it whole, with its boundary.") from error
    return parts
