"""What the service refuses, and why.

    Problem
    ├── InvalidInference   400   no request of the Open Inference Protocol
    ├── Unauthorized       401   no API key, or a wrong one
    ├── UnknownModel       404   another name or version than the model's
    ├── BodyTimeout        408   the body did not arrive in time
    ├── BodyTooLarge       413   over the byte limit
    ├── ImageTooLarge      413   over the pixel limit
    ├── ContentEncoding    415   compressed on the way
    ├── ImageFormat        415   not PNG, JPEG, WebP, BMP or GIF
    ├── InvalidParameter   422   a query that says what none may say
    ├── BatchTooLarge      422   more images than one request may hold
    ├── ImageMissing       422   no image where one was expected
    ├── ImageUnreadable    422   truncated or corrupt
    ├── ImageSize          422   not 28 x 28
    ├── ImageBlank         422   no ink
    ├── InternalError      500   a fault of the service
    └── Overloaded         503   more requests at once than the service takes

A problem knows nothing of HTTP frameworks: `app.problem_details` turns it into a response.
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
    headers: ClassVar[dict[str, str]] = {}
    """What the response says beside the document"""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class InvalidInference(Problem):
    status, code, title = 400, "invalid-inference", "The inference request is not valid"


class Unauthorized(Problem):
    status, code, title = 401, "unauthorized", "The API key is missing or wrong"
    headers: ClassVar = {"WWW-Authenticate": "X-API-Key"}


class UnknownModel(Problem):
    status, code, title = 404, "unknown-model", "There is no such model"


class BodyTimeout(Problem):
    status, code, title = 408, "body-timeout", "The request body came too slowly"
    headers: ClassVar = {"Connection": "close"}


class BodyTooLarge(Problem):
    status, code, title = 413, "body-too-large", "The request body is too large"


class ImageTooLarge(Problem):
    status, code, title = 413, "image-too-large", "The image has too many pixels"


class ContentEncoding(Problem):
    status, code, title = 415, "content-encoding", "The request body is compressed"
    headers: ClassVar = {"Accept-Encoding": "identity"}


class ImageFormat(Problem):
    status, code, title = 415, "image-format", "The file is not an image of a known format"


class InvalidParameter(Problem):
    status, code, title = 422, "validation", "A parameter is not valid"


class BatchTooLarge(Problem):
    status, code, title = 422, "batch-too-large", "The request holds too many images"


class ImageMissing(Problem):
    status, code, title = 422, "image-missing", "The request holds no image"


class ImageUnreadable(Problem):
    status, code, title = 422, "image-unreadable", "The image cannot be read"


class ImageSize(Problem):
    status, code, title = 422, "image-size", "The image does not have the right size"


class ImageBlank(Problem):
    status, code, title = 422, "image-blank", "The image shows nothing"


class InternalError(Problem):
    status, code, title = 500, "internal", "The service failed"


class Overloaded(Problem):
    status, code, title = 503, "overloaded", "The service has too much to do"
    headers: ClassVar = {"Retry-After": "1"}
