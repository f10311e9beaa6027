"""The images in a request: fields of a form, or the body itself."""

from typing import Any

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.errors import BatchTooLarge, ContentEncoding, ImageMissing, InvalidParameter, Problem

FIELD = "file"
BATCH_FIELD = "files"

QUERY_PARAMETERS = frozenset({"fit", "ink", "colors"})
"""Parameters of the URL's query, which are refused as form fields."""

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
    too_many = ImageMissing(f'The form has more than {MAX_PARTS} fields. Send one image in the field "{FIELD}".')
    images, names = _parse_form(body, boundary, FIELD, MAX_PARTS, too_many)
    if len(images) > 1:
        several = f'Send one, or several to /predict/batch in fields "{BATCH_FIELD}".'
        raise ImageMissing(f'The form has {len(images)} fields "{FIELD}". {several}')
    if not images:
        raise ImageMissing(f'The form has {names}. Send one image in the field "{FIELD}".')
    return images[0]


async def read_batch(request: Request, max_batch: int) -> list[bytes]:
    """Read all uploaded files. Raises ImageMissing, BatchTooLarge, and the same errors as `read_body`."""
    body = await read_body(request)
    boundary = _boundary(request.headers)
    if boundary is None:
        raise ImageMissing(f'The body is no form. Send a multipart form with each image in a field "{BATCH_FIELD}".')
    too_many = BatchTooLarge(f"The form has more than {max_batch} images. Send them in several requests.")
    images, names = _parse_form(body, boundary, BATCH_FIELD, max_batch + MAX_PARTS, too_many)
    if not images:
        raise ImageMissing(f'The form has {names}. Send each image in a field "{BATCH_FIELD}".')
    if len(images) > max_batch:
        raise too_many
    return images


def mistaken_kind(headers: Headers) -> str | None:
    """Return the Content-Type of the body if images are never sent as such."""
    content_type, _ = parse_options_header(headers.get("content-type", ""))
    return content_type if content_type in NO_IMAGES else None


def _boundary(headers: Headers) -> str | None:
    """Return the boundary between the parts of a form; None if the body is not a form."""
    content_type, options = parse_options_header(headers.get("content-type", ""))
    return options.get("boundary", "") if content_type == "multipart/form-data" else None


def _parse_form(body: bytes, boundary: str, field: str, maximum: int, too_many: Problem) -> tuple[list[bytes], str]:
    """Return the contents of a field, which may be repeated, and the names of all fields, quoted for an error.

    Raises `too_many` if the form has more than the maximum of fields, InvalidParameter if a field belongs in the query,
    ImageMissing if the form cannot be parsed.
    """
    names: list[str] = []
    contents: list[bytes] = []
    try:
        with PushMultipartParser(boundary) as parser:
            for event in parser.parse(body):  # for each part: its head, its content if it has any, None
                if isinstance(event, MultipartSegment):
                    if len(names) == maximum:
                        raise too_many
                    names.append(event.name)
                    contents.append(b"")
                elif event:
                    contents[-1] += event
    except MultipartError as error:
        raise ImageMissing("The multipart form cannot be read. Send it whole, with its boundary.") from error
    if misplaced := QUERY_PARAMETERS.intersection(names):
        raise InvalidParameter(f'"{min(misplaced)}" is a form field. Send it in the URL: ?{min(misplaced)}=VALUE.')
    shown = ", ".join(f'"{name[:LONGEST_NAME]}"' for name in names) or "no field"
    return [content for name, content in zip(names, contents, strict=True) if name == field], shown
