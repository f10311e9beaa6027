"""Pages for people: the one to draw on, the model card, and Swagger UI. Nothing in them comes from another host."""

import html
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter
from markdown_it import MarkdownIt
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse
from starlette.staticfiles import StaticFiles

from app.service import Service

STATIC = Path(__file__).parents[2] / "static"

SWAGGER_UI = Path(str(files("fastapi_offline") / "static"))
"""That package carries Swagger UI's script and style; its page is not used, for its inline script."""

CARD = "MODEL_CARD.md"


def _policy(**sources: str) -> dict[str, str]:
    """A content security policy: from the service itself alone, and of what kinds."""
    allowed = {"default": "'none'", "style": "'self'", "base-uri": "'none'", "form-action": "'none'"} | sources
    rules = [f"{name if '-' in name else f'{name}-src'} {value}" for name, value in allowed.items()]
    return {"Content-Security-Policy": "; ".join([*rules, "frame-ancestors 'none'"])}


PAGE = _policy(script="'self'", img="'self' blob:", connect="'self'")  # blob: the pictures of /explain
CARD_PAGE = _policy(img="'self'")
DOCS = _policy(
    script="'self'",
    style="'self' 'unsafe-inline'",  # Swagger UI sets style attributes
    img="'self' data: blob:",  # its icons, and the pictures of /explain
    connect="'self'",
)


def router(service: Service) -> APIRouter:
    """The pages, for this service's weights."""
    router = APIRouter(include_in_schema=False)
    router.mount("/static", StaticFiles(directory=STATIC))
    router.mount("/swagger-ui", StaticFiles(directory=SWAGGER_UI))
    folder = service.settings.weights.parent
    card_html = _card_html(folder / CARD, service.metadata.name)

    @router.get("/")
    async def page() -> FileResponse:
        """Draw a digit and see the answer."""
        return FileResponse(STATIC / "index.html", headers=PAGE)

    @router.get("/docs")
    async def docs() -> FileResponse:
        """Swagger UI."""
        return FileResponse(STATIC / "docs.html", headers=DOCS)

    @router.get("/model/card")
    async def card() -> HTMLResponse:
        """The model card that was written beside the weights."""
        if card_html is None:
            raise HTTPException(404, f"There is no {CARD} beside the weights; `evaluate` writes one.")
        return HTMLResponse(card_html, headers=CARD_PAGE)

    @router.get("/model/card/{figure}.png")
    async def card_figure(figure: str) -> FileResponse:
        """A figure of the model card."""
        path = folder / f"{figure}.png"
        if not path.is_file():
            raise HTTPException(404, "The model card has no such figure.")
        return FileResponse(path)

    return router


def _card_html(path: Path, title: str) -> str | None:
    """Render a model card; None if there is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return None
    body = MarkdownIt().enable("table").render(text).replace('src="', 'src="card/')
    body = body.replace("<table>", '<table tabindex="0">')  # wide ones scroll, by keyboard too
    return (STATIC / "card.html").read_text(encoding="utf-8").format(title=html.escape(title), body=body)
