"""The exceptions that end a request. `app.problem_details` converts them to responses.

Problem
├── 400 InvalidInference
├── 401 Unauthorized
├── 404 NotFound, UnknownModel
├── 405 MethodNotAllowed
├── 408 BodyTimeout
├── 413 BodyTooLarge, ImageTooLarge
├── 415 ContentEncoding, ImageFormat
├── 422 InvalidParameter, BatchTooLarge, ImageMissing, ImageUnreadable, ImageSize, ImageBlank
├── 500 InternalError
└── 503 Overloaded
"""

from collections.abc import Mapping
from typing import Self

from app.formats import NAMES


class Problem(Exception):
    """An error response. `detail` says what was received, what is allowed and what to do.

    The detail is either given, or made from the template of the class and the values of its placeholders.
    """

    status: int
    code: str  # the end of the problem's `type`
    title: str
    template: str  # the usual detail
    example: Mapping[str, object] = {}  # values of the template's placeholders, for the documentation
    headers: Mapping[str, str] = {}  # of the response

    def __init__(self, detail: str | None = None, /, **values: object) -> None:
        self.detail = self.template.format(**values) if detail is None else detail
        super().__init__(self.detail)

    @classmethod
    def documented(cls) -> Self:
        """Make the example of the documentation."""
        return cls(**cls.example)


class InvalidInference(Problem):
    status, code, title = 400, "invalid-inference", "The inference request is not valid"
    template = 'The inputs are {names}. Send one input, "image".'
    example: Mapping[str, object] = {"names": []}


class Unauthorized(Problem):
    status, code, title = 401, "unauthorized", "The API key is missing or wrong"
    template = "The request has no API key. Send it in the X-API-Key header, or as `Authorization: Bearer KEY`."
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


class NotFound(Problem):
    status, code, title = 404, "not-found", "Not Found"
    template = "The path {path} does not exist. See /docs for the paths of this service."
    example: Mapping[str, object] = {"path": "/nowhere"}


class UnknownModel(Problem):
    status, code, title = 404, "unknown-model", "Unknown model"
    template = "There is no {part} {sent!r}. Use {known}."
    example: Mapping[str, object] = {"part": "model", "sent": "another", "known": "three-or-seven"}


class MethodNotAllowed(Problem):
    status, code, title = 405, "method-not-allowed", "Method Not Allowed"
    template = "{path} does not support {method}. Send {allowed}."
    example: Mapping[str, object] = {"path": "/predict", "method": "GET", "allowed": "POST"}


class BodyTimeout(Problem):
    status, code, title = 408, "body-timeout", "The request body arrived too slowly"
    template = "The body did not arrive within {seconds:g} seconds. Send it faster, or a smaller file."
    example: Mapping[str, object] = {"seconds": 30}
    headers: Mapping[str, str] = {"Connection": "close"}


class BodyTooLarge(Problem):
    status, code, title = 413, "body-too-large", "The request body is too large"
    template = "The body is larger than {maximum:,} bytes. Send a smaller file."
    example: Mapping[str, object] = {"maximum": 12 * 1024 * 1024}


class ImageTooLarge(Problem):
    status, code, title = 413, "image-too-large", "The image has too many pixels"
    template = "The image has {width} x {height} pixels. Send at most {maximum:,} pixels."
    example: Mapping[str, object] = {"width": 12_000, "height": 9_000, "maximum": 50_000_000}


class ContentEncoding(Problem):
    status, code, title = 415, "content-encoding", "The request body is compressed"
    template = "The Content-Encoding is {encoding}. Send the body without one: images are compressed already."
    example: Mapping[str, object] = {"encoding": "gzip"}
    headers: Mapping[str, str] = {"Accept-Encoding": "identity"}


class ImageFormat(Problem):
    status, code, title = 415, "image-format", "The file is not an image of a known format"
    template = f"The file is not a {NAMES} image. Send one of these formats."


class InvalidParameter(Problem):
    status, code, title = 422, "validation", "A parameter is not valid"
    template = "The {place} parameter {name} is {value}. {advice}."
    example: Mapping[str, object] = {
        "place": "query",
        "name": "fit",
        "value": "'maybe'",
        "advice": "Send true or false",
    }


class BatchTooLarge(Problem):
    status, code, title = 422, "batch-too-large", "The batch is too large"
    template = "The form has more than {maximum} images. Send them in several requests."
    example: Mapping[str, object] = {"maximum": 64}


class ImageMissing(Problem):
    status, code, title = 422, "image-missing", "The request does not contain the expected upload"
    template = "The form has {fields}. {advice}."
    example: Mapping[str, object] = {
        "fields": 'the field "image"',
        "advice": 'Send one image in the field "file"',
    }


class ImageUnreadable(Problem):
    status, code, title = 422, "image-unreadable", "The image cannot be read"
    template = "The {name} image is truncated or corrupt. Save it again and send all of it."
    example: Mapping[str, object] = {"name": "PNG"}


class ImageSize(Problem):
    status, code, title = 422, "image-size", "The image does not have the right size"
    template = "The image has {width} x {height} pixels. Send 28 x 28 pixels."
    example: Mapping[str, object] = {"width": 29, "height": 28}


class ImageBlank(Problem):
    status, code, title = 422, "image-blank", "The image is blank"
    template = "Nothing stands out from the background. Send a digit that is clearly darker or lighter."


class InternalError(Problem):
    status, code, title = 500, "internal", "Internal error"
    template = "An internal error occurred. The service's log has details under the request id."


class Overloaded(Problem):
    status, code, title = 503, "overloaded", "The service is overloaded"
    template = "The service has {maximum} requests in flight, the maximum. Try again in a second."
    example: Mapping[str, object] = {"maximum": 100}
    headers: Mapping[str, str] = {"Retry-After": "1"}


ROUTE_ERRORS = (Unauthorized, Overloaded)
"""Errors of routes that require the API key."""
BODY_ERRORS = (BodyTimeout, BodyTooLarge, ContentEncoding)
"""Errors of routes that read a body."""
IMAGE_ERRORS = (ImageTooLarge, ImageFormat, ImageUnreadable, ImageSize, ImageBlank)
"""Errors in an uploaded image."""
