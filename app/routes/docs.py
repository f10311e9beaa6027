"""`/docs`: Swagger UI, from files of our own, since a closed network has no CDN."""

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).parents[1] / "static"

SWAGGER_UI = Path(str(files("fastapi_offline") / "static"))
"""That package carries Swagger UI's script and style; its page is not used, for its inline script."""

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # Swagger UI sets style attributes
        "img-src 'self' data: blob:",  # its icons, and the pictures of /explain
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)

router = APIRouter(include_in_schema=False)
router.mount("/static", StaticFiles(directory=STATIC))
router.mount("/swagger-ui", StaticFiles(directory=SWAGGER_UI))


@router.get("/docs")
async def docs() -> FileResponse:
    """Swagger UI."""
    return FileResponse(STATIC / "docs.html", headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})
