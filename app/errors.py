"""What the service refuses, and why.

    Problem
    ├── BodyTooLarge       413   over the byte limit
    ├── ImageTooLarge      413   over the pixel limit
    ├── ImageFormat        415   not PNG, JPEG, WebP, BMP or GIF
    ├── ImageMissing       422   no image where one was expected
    ├── ImageUnreadable    422   truncated or corrupt
    ├── ImageSize          422   not 28 x 28
    └── ImageBlank         422   no ink

A problem knows nothing of HTTP frameworks: `app.problems` turns it into a response.
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

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class BodyTooLarge(Problem):
    status, code, title = 413, "body-too-large", "The request body is too large"


class ImageTooLarge(Problem):
    status, code, title = 413, "image-too-large", "The image has too many pixels"


class ImageFormat(Problem):
    status, code, title = 415, "image-format", "The file is not an image of a known format"


class ImageMissing(Problem):
    status, code, title = 422, "image-missing", "The request holds no image"


class ImageUnreadable(Problem):
    status, code, title = 422, "image-unreadable", "The image cannot be read"


class ImageSize(Problem):
    status, code, title = 422, "image-size", "The image does not have the right size"


class ImageBlank(Problem):
    status, code, title = 422, "image-blank", "The image shows nothing"
