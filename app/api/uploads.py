"""The images in a request: fields of a form, or the body itself."""

from typing import Any

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser, parse_options_header
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.errors import BatchTooLarge, ContentEncoding, ImageMissing

FIELD = "file"
BATCH_FIELD = "files"

MAX_PARTS = 16
"""Maximum number of parts of a form, in addition to the images of a batch: each takes time to parse"""

LONGEST_NAME = 40
"""Maximum number of characters of a field's name in an error"""

BINARY = {"type": "string", "format": "binary"}

FORMATS = tuple(f"image/{kind}" for kind in ("png", "jpeg", "webp", "bmp", "gif"))

NO_IMAGES = frozenset({"application/json", "application/x-www-form-urlencoded"})
"""Content types that are not for images. The body may be one even so: curl names the second by default."""


def upload_body(field: str, content: dict[str, Any], *bare: str) -> dict[str, Any]:
    """Describe a body: a form with one field, or the bare content with one of these content types."""
    form = {"schema": {"type": "object", "required": [field], "properties": {field: content}}}
    bodies = {kind: {"schema": content} for kind in bare}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": form} | bodies}}


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
    """Read the uploaded file. Raises ImageMissing if there is none, and the same errors as `read_body`."""
    body = await read_body(request)
    boundary = _boundary(request.headers)
    if boundary is None:
        if not body:
            raise ImageMissing(f'The body is empty. Send an image as the body or in the form field "{FIELD}".')
        return body
    fields = _parse_form(body, boundary, MAX_PARTS)
    if fields is None:
        raise ImageMissing(f'The form has more than {MAX_PARTS} fields. Send one image in the field "{FIELD}".')
    images = [content for name, content in fields if name == FIELD]
    if len(images) != 1:
        raise ImageMissing(f'The form has {_shown(fields)}. Send one image in the field "{FIELD}".')
    return images[0]


async def read_batch(request: Request, max_batch: int) -> list[bytes]:
    """Read all uploaded files. Raises ImageMissing, BatchTooLarge, and the same errors as `read_body`."""
    body = await read_body(request)
    boundary = _boundary(request.headers)
    if boundary is None:
        raise ImageMissing(f'The body is no form. Send a multipart form with each image in a field "{BATCH_FIELD}".')
    fields = _parse_form(body, boundary, max_batch + MAX_PARTS)
    images = [content for name, content in fields or () if name == BATCH_FIELD]
    if fields is None or len(images) > max_batch:
        raise BatchTooLarge(f"The form has more than {max_batch} images. Send them in several requests.")
    if not images:
        raise ImageMissing(f'The form has {_shown(fields)}. Send each image in a field "{BATCH_FIELD}".')
    return images


def mistaken_kind(headers: Headers) -> str | None:
    """Return the Content-Type of the body if images are never sent as such."""
    content_type, _ = parse_options_header(headers.get("content-type", ""))
    return content_type if content_type in NO_IMAGES else None


def _boundary(headers: Headers) -> str | None:
    """Return the boundary between the parts of a form; None if the body is not a form."""
    content_type, options = parse_options_header(headers.get("content-type", ""))
    return options.get("boundary", "") if content_type == "multipart/form-data" else None


def _parse_form(body: bytes, boundary: str, maximum: int) -> list[tuple[str, bytes]] | None:
    """Return the name and the content of each field; None if there are more than the maximum.

    Raises ImageMissing if the form cannot be parsed.
    """
    names: list[str] = []
    contents: list[bytes] = []
    try:
        with PushMultipartParser(boundary, max_segment_count=maximum) as parser:
            for event in parser.parse(body):  # for each part: its head, its content if it has any, None
                if isinstance(event, MultipartSegment):
                    names.append(event.name)
                    contents.append(b"")
                elif event:
                    contents[-1] += event
    except MultipartError as error:
        if isinstance(error, ParserLimitReached) and len(names) == maximum:
            return None
        raise ImageMissing("The multipart form cannot be read. Send it whole, with its boundary.") from error
    return list(zip(names, contents, strict=True))


def _shown(fields: list[tuple[str, bytes]]) -> str:
    """Quote the names of fields for an error."""
    return ", ".join(f'"{name[:LONGEST_NAME]}"' for name, _ in fields) or "no field"
