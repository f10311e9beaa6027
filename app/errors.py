"""Errors that end a request, each with its HTTP status.

    Problem
    ├── InvalidInference   400   not a valid request of the Open Inference Protocol
    ├── Unauthorized       401   the API key is missing or wrong
    ├── UnknownModel       404   the path names another model or version
    ├── BodyTimeout        408   the body did not arrive in time
    ├── BodyTooLarge       413   over the byte limit
    ├── ImageTooLarge      413   over the pixel limit
    ├── ContentEncoding    415   the body is compressed
    ├── ImageFormat        415   not PNG, JPEG, WebP, BMP or GIF
    ├── InvalidParameter   422   a query parameter is not valid
    ├── BatchTooLarge      422   more images than `max_batch`
    ├── ImageMissing       422   the request has no image
    ├── ImageUnreadable    422   truncated or corrupt
    ├── ImageSize          422   not 28 x 28
    ├── ImageBlank         422   nothing stands out from the background
    ├── InternalError      500   a fault of the service
    └── Overloaded         503   more requests in flight than `max_in_flight`

`app.problem_details` turns them into responses.
"""

from typing import ClassVar


class Problem(Exception):
    """A request that cannot be answered. `detail` says what was wrong and what to do."""

    status: ClassVar[int]
    """HTTP status code"""
    code: ClassVar[str]
    """Stable name, the end of the problem's `type`"""
    title: ClassVar[str]
    """The same words for every problem of the type"""
    example: ClassVar[str]
    """A detail for the OpenAPI schema, and the default one"""
    headers: ClassVar[dict[str, str]] = {}
    """Additional response headers"""

    def __init__(self, detail: str = "") -> None:
        self.detail = detail or self.example
        super().__init__(self.detail)


class InvalidInference(Problem):
    status, code, title = 400, "invalid-inference", "The inference request is not valid"
    example = 'Send one input, named "image".'


class Unauthorized(Problem):
    status, code, title = 401, "unauthorized", "The API key is missing or wrong"
    example = "This service wants its API key in the header X-API-Key."
    headers: ClassVar = {"WWW-Authenticate": "X-API-Key"}


class UnknownModel(Problem):
    status, code, title = 404, "unknown-model", "There is no such model"
    example = "There is no model 'another'; the only one is three-or-seven."


class BodyTimeout(Problem):
    status, code, title = 408, "body-timeout", "The request body came too slowly"
    example = "The body did not arrive within 30 seconds. Send it faster, or a smaller file."
    headers: ClassVar = {"Connection": "close"}


class BodyTooLarge(Problem):
    status, code, title = 413, "body-too-large", "The request body is too large"
    example = "The body is larger than 12,582,912 bytes. Send a smaller file."


class ImageTooLarge(Problem):
    status, code, title = 413, "image-too-large", "The image has too many pixels"
    example = "The image has 12000 x 9000 pixels. Send at most 50,000,000 pixels."


class ContentEncoding(Problem):
    status, code, title = 415, "content-encoding", "The request body is compressed"
    example = "The body is compressed. Send it as it is; images are compressed already."
    headers: ClassVar = {"Accept-Encoding": "identity"}


class ImageFormat(Problem):
    status, code, title = 415, "image-format", "The file is not an image of a known format"
    example = "The file is not a PNG, JPEG, WebP, BMP or GIF image. Send one of these formats."


class InvalidParameter(Problem):
    status, code, title = 422, "validation", "A parameter is not valid"
    example = "query.fit: Input should be a valid boolean, unable to interpret input."


class BatchTooLarge(Problem):
    status, code, title = 422, "batch-too-large", "The request holds too many images"
    example = "The form has more than 64 images. Send them in several requests."


class ImageMissing(Problem):
    status, code, title = 422, "image-missing", "The request holds no image"
    example = 'The form has "image". Send one image in the field "file".'


class ImageUnreadable(Problem):
    status, code, title = 422, "image-unreadable", "The image cannot be read"
    example = "The PNG image is truncated or corrupt. Save it again and send it whole."


class ImageSize(Problem):
    status, code, title = 422, "image-size", "The image does not have the right size"
    example = (
        "The image has 29 x 28 pixels. Send one of 28 x 28 pixels, or ask for it to be fitted, with"
        " ?fit=true in the URL."
    )


class ImageBlank(Problem):
    status, code, title = 422, "image-blank", "The image shows nothing"
    example = "Nothing stands out from the background. Send an image with a digit in it."


class InternalError(Problem):
    status, code, title = 500, "internal", "The service failed"
    example = "This is a fault of the service, not of the request. Its log says more beside the request id."


class Overloaded(Problem):
    status, code, title = 503, "overloaded", "The service has too much to do"
    example = "The service has 100 requests in hand. Try again in a second."
    headers: ClassVar = {"Retry-After": "1"}
