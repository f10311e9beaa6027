"""The image in a request: the field `file` of a form, or the body itself."""

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import File, FormParser, parse_options_header

from app.errors import ImageMissing

FIELD = "file"

MAX_PARTS = 16
"""Of a form: nobody sends more beside one image, and each costs time to parse."""

LONGEST_NAME = 40
"""Of a field, in characters, as it is shown to whoever sent it."""

REQUEST_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "properties": {FIELD: {"type": "string", "format": "binary"}},
            }
        }
    }
    | {
        f"image/{kind}": {"schema": {"type": "string", "format": "binary"}}
        for kind in ("png", "jpeg", "webp", "bmp", "gif")
    },
}
"""The OpenAPI description of both forms."""


async def read_upload(request: Request) -> bytes:
    """Read the uploaded file. Raises ImageMissing if there is none, BodyTooLarge from under it."""
    body = await request.body()  # kept in memory: `app.limits` has bounded it
    content_type, options = parse_options_header(request.headers.get("content-type"))
    if content_type != b"multipart/form-data":
        if not body:
            raise ImageMissing(f'The body is empty. Send an image as the body or in the form field "{FIELD}".')
        return body
    parts = _parse_form(body, options.get(b"boundary"))
    images = [content for name, content in parts if name == FIELD]
    if len(images) != 1:
        names = ", ".join(f'"{name[:LONGEST_NAME]}"' for name, _ in parts) or "no whole field"
        raise ImageMissing(f'The form has {names}. Send one image in the field "{FIELD}".')
    if not images[0]:
        raise ImageMissing(f'The file in the field "{FIELD}" is empty. Send an image.')
    return images[0]


def _parse_form(body: bytes, boundary: bytes | None) -> list[tuple[str, bytes]]:
    """Names and contents of the parts of a multipart body."""
    parts: list[tuple[str, bytes]] = []

    def add(name: bytes | None, content: bytes | None) -> None:
        if len(parts) == MAX_PARTS:
            raise ImageMissing(f'The form has more than {MAX_PARTS} fields. Send one image in the field "{FIELD}".')
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
