"""HTML pages: the drawing page, the model card, problem types, Swagger UI. They load nothing from other hosts."""

import html
import re
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter
from markdown_it import MarkdownIt
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse, HTMLResponse
from starlette.routing import BaseRoute
from starlette.staticfiles import StaticFiles

from app.api.advice import advised
from app.api.routing import Route
from app.errors import NotFound, Problem
from app.service import Service

STATIC = Path(__file__).parents[2] / "static"

SWAGGER_UI = Path(str(files("fastapi_offline") / "static"))
"""Folder with Swagger UI's script and style. The package's own page is not used, since it has an inline script."""

CARD = "MODEL_CARD.md"


def _policy(**sources: str) -> dict[str, str]:
    """Make the header of a content security policy that allows these sources."""
    allowed = {"default": "'none'", "style": "'self'", "base-uri": "'none'", "form-action": "'none'"} | sources
    rules = [f"{name if '-' in name else f'{name}-src'} {value}" for name, value in allowed.items()]
    return {"Content-Security-Policy": "; ".join([*rules, "frame-ancestors 'none'"])}


PAGE = _policy(script="'self'", img="'self' blob:", connect="'self'")  # blob: images of /explain
ARTICLE = _policy(img="'self'")
# Swagger UI sets style attributes, and has icons as data.
DOCS = _policy(script="'self'", style="'self' 'unsafe-inline'", img="'self' data: blob:", connect="'self'")


def routes(service: Service) -> list[BaseRoute]:
    """Make the routes of the pages."""
    router = APIRouter(include_in_schema=False, route_class=Route)
    for path, directory in (("/static", STATIC), ("/swagger-ui", SWAGGER_UI)):
        router.mount(path, GZipMiddleware(StaticFiles(directory=directory), compresslevel=4))  # takes 2 ms for 64 kB
    folder = service.settings.weights.parent
    card_html = _card_html(folder / CARD, f"Model card: {service.metadata.name}")
    figures = set(re.findall(r'src="card/([^"]+)"', card_html or ""))
    problems = {kind.code: _problem_html(kind) for kind in Problem.__subclasses__()}

    @router.get("/")
    async def page() -> FileResponse:
        """Return the drawing page."""
        return FileResponse(STATIC / "index.html", headers=PAGE)

    @router.get("/docs")
    async def docs() -> FileResponse:
        """Return Swagger UI."""
        return FileResponse(STATIC / "docs.html", headers=DOCS)

    @router.get("/model/card")
    async def card() -> HTMLResponse:
        """Return the model card from the folder of the weights."""
        if card_html is None:
            raise NotFound(f"There is no {CARD} beside the weights. Write it with `evaluate --write`.")
        return HTMLResponse(card_html, headers=ARTICLE)

    @router.get("/model/card/{figure}")
    async def card_figure(figure: str) -> FileResponse:
        """Return a figure of the model card."""
        path = folder / figure
        if figure not in figures or not path.is_file():
            raise NotFound(f"The model card has no figure {figure!r}.")
        return FileResponse(path)

    @router.get("/problems/{code}")
    async def problem(code: str) -> HTMLResponse:
        """Explain the `type` of a problem document."""
        if code not in problems:
            raise NotFound(f"There is no problem type {code!r}.")
        return HTMLResponse(problems[code], headers=ARTICLE)

    return router.routes


def _card_html(path: Path, title: str) -> str | None:
    """Render a model card as a page. Return None if the file does not exist."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    body = MarkdownIt().enable("table").render(text).replace('src="', 'src="card/')
    return _article(title, body.replace("<table>", '<table tabindex="0">'))  # so that the keyboard scrolls wide tables


def _problem_html(kind: type[Problem]) -> str:
    text = f"HTTP status {kind.status}. The field `detail` says what was wrong and what to do, for example:"
    return _article(
        kind.title, MarkdownIt().render(f"# {kind.title}\n\n{text}\n\n> {advised(kind.documented()).detail}")
    )


def _article(title: str, body: str) -> str:
    template = (STATIC / "article.html").read_text(encoding="utf-8")
    return template.format(title=html.escape(title), body=body)
