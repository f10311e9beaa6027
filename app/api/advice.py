"""What a client can do over HTTP about a problem with its image. The preprocessing does not depend on HTTP."""

from app.api.uploads import FIELD
from app.errors import ImageFormat, ImageSize, Problem
from app.formats import NAMES

OTHER_TYPES = ("application/json", "application/x-www-form-urlencoded")
"""Content types that are not of images. The body may still be an image: `curl --data-binary` sends the second."""


def advised(problem: Problem, fit: bool = False, kind: str = "") -> Problem:
    """Add advice to a problem of `read_digit`.

    An image of another size can be fitted. If the Content-Type, `kind`, is one of `OTHER_TYPES`, the error lists the
    ways to upload an image.
    """
    match problem:
        case ImageSize(detail=detail) if not fit:
            return ImageSize(f"{detail.removesuffix('.')}, or add ?fit=true to the URL to fit other sizes.")
        case ImageFormat() if kind in OTHER_TYPES:
            way = f'in the field "{FIELD}" of a multipart form, or as the body'
            return ImageFormat(f"The body is {kind}. Send a {NAMES} {way}.")
    return problem
