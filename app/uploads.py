"""The images in a request: fields of a form, or the body itself."""

from collections.abc import Sequence
from typing import Any

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import File, FormParser, parse_options_header

from app.errors import BatchTooLarge, ImageMissing, Problem

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


async def read_upload(request: Request) -> bytes:
    """Read the uploaded file. Raises ImageMissing if there is none, BodyTooLarge and BodyTimeout from under it."""
    body = await request.body()  # kept in memory: `app.limits` has bounded it
    boundary = _boundary(request)
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


async def read_batch(request: Request, max_batch: int) -> list[bytes]:
    """Read all uploaded files. Raises ImageMissing, BatchTooLarge, BodyTooLarge and BodyTimeout."""
    body = await request.body()
    boundary = _boundary(request)
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


def _boundary(request: Request) -> bytes | None:
    """What separates the parts of a form; None if the body is no form."""
    content_type, options = parse_options_header(request.headers.get("content-type"))
    return options.get(b"boundary", b"") if content_type == b"multipart/form-data" else None


def _names(parts: Sequence[Part]) -> str:
    return ", ".join(f'"{name[:LONGEST_NAME]}"' for name, _ in parts) or "no whole field"


def _parse_form(body: bytes, boundary: bytes, max_parts: int, too_many: Problem) -> list[Part]:
    """Names and contents of the parts of a multipart body."""
    parts: list[Part] = []

    def add(name: bytes | None, content: bytes | None) -> None:
        if len(parts) == max_parts:
            raise too_many
        parts.append(((name or b"").decode("utf-8", "replace"), content or b""))

    def add_file(file: File) -> None:
        file.file_object.seek(0)
        add(file.field_name, file.file_object.read())

    try:
        parser = FormParser(
            "multipart/form-data",
            lambda field: add(field.field_name, field.value),
            add_file,
            boundary=boundary,
            config={"MAX_MEMORY_FILE_SIZE": len(body)},  # never a temporary file: the disk may be read-only
        )
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise ImageMissing("The multipart form cannot be read. Send it whole, with its boundary.") from error
    return parts
