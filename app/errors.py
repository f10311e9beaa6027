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


class Problem(Exception):
    """An error response. `detail` says what was received, what is allowed and what to do."""

    status: int
    code: str  # the end of the problem's `type`
    title: str
    example: str  # the default detail
    headers: Mapping[str, str] = {}  # of the response

    def __init__(self, detail: str = "") -> None:
        self.detail = detail or self.example
        super().__init__(self.detail)


class InvalidInference(Problem):
    status, code, title = 400, "invalid-inference", "The inference request is not valid"
    example = 'The inputs are []. Send one input, "image".'


class Unauthorized(Problem):
    status, code, title = 401, "unauthorized", "The API key is missing or wrong"
    example = "The request has no API key. Send it in the X-API-Key header, or as `Authorization: Bearer KEY`."
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


class NotFound(Problem):
    status, code, title = 404, "not-found", "Not Found"
    example = "The path /nowhere does not exist. See /docs for the paths of this service."


class UnknownModel(Problem):
    status, code, title = 404, "unknown-model", "Unknown model"
    example = "There is no model 'another'. Use three-or-seven."


class MethodNotAllowed(Problem):
    status, code, title = 405, "method-not-allowed", "Method Not Allowed"
    example = "/predict does not support GET. Send POST."


class BodyTimeout(Problem):
    status, code, title = 408, "body-timeout", "The request body arrived too slowly"
    example = "The body did not arrive within 30 seconds. Send it faster, or a smaller file."
    headers: Mapping[str, str] = {"Connection": "close"}


class BodyTooLarge(Problem):
    status, code, title = 413, "body-too-large", "The request body is too large"
    example = "The body is larger than 12,582,912 bytes. Send a smaller file."


class ImageTooLarge(Problem):
    status, code, title = 413, "image-too-large", "The image has too many pixels"
    example = "The image has 12000 x 9000 pixels. Send at most 50,000,000 pixels."


class ContentEncoding(Problem):
    status, code, title = 415, "content-encoding", "The request body is compressed"
    example = "The Content-Encoding is gzip. Send the body without one: images are compressed already."
    headers: Mapping[str, str] = {"Accept-Encoding": "identity"}


class ImageFormat(Problem):
    status, code, title = 415, "image-format", "The file is not an image of a known format"
    example = "The file is not a PNG, JPEG, WebP, BMP or GIF image. Send one of these formats."


class InvalidParameter(Problem):
    status, code, title = 422, "validation", "A parameter is not valid"
    example = "The query parameter fit is 'maybe'. Send true or false."


class BatchTooLarge(Problem):
    status, code, title = 422, "batch-too-large", "The batch is too large"
    example = "The form has more than 64 images. Send them in several requests."


class ImageMissing(Problem):
    status, code, title = 422, "image-missing", "The request does not contain the expected upload"
    example = 'The form has the field "image". Send one image in the field "file".'


class ImageUnreadable(Problem):
    status, code, title = 422, "image-unreadable", "The image cannot be read"
    example = "The PNG image is truncated or corrupt. Save it again and send all of it."


class ImageSize(Problem):
    status, code, title = 422, "image-size", "The image does not have the right size"
    example = "The image has 29 x 28 pixels. Send 28 x 28 pixels, or add ?fit=true to the URL to fit other sizes."


class ImageBlank(Problem):
    status, code, title = 422, "image-blank", "The image is blank"
    example = "Nothing stands out from the background. Send a digit that is clearly darker or lighter."


class InternalError(Problem):
    status, code, title = 500, "internal", "Internal error"
    example = "An internal error occurred. The service's log has details under the request id."


class Overloaded(Problem):
    status, code, title = 503, "overloaded", "The service is overloaded"
    example = "The service has 100 requests in flight, the maximum. Try again in a second."
    headers: Mapping[str, str] = {"Retry-After": "1"}


ROUTE_ERRORS = (Unauthorized, Overloaded)
"""Errors of all routes but health checks."""
BODY_ERRORS = (BodyTimeout, BodyTooLarge, ContentEncoding)
"""Errors of routes that read a body."""
IMAGE_ERRORS = (ImageTooLarge, ImageFormat, ImageUnreadable, ImageSize, ImageBlank)
"""Errors in an uploaded image."""
