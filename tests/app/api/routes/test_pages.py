"""The model card, problem pages, compression and ETags."""

import html
from pathlib import Path

import httpx2
import pytest
from starlette.testclient import TestClient

from app.api.advice import advised
from app.classifier.weights import DEFAULT_PATH
from app.errors import Problem
from app.formats import FORMATS
from app.main import create_app
from app.settings import Settings
from tests.app.problems import assert_problem
from tests.conftest import SEVEN


def test_model_card_is_rendered_at_start(tmp_path: Path) -> None:
    weights = tmp_path / "w.safetensors"
    weights.write_bytes(DEFAULT_PATH.read_bytes())
    without = TestClient(create_app(Settings(weights=weights)))
    card = tmp_path / "MODEL_CARD.md"
    card.write_bytes(b"# Card \xff\n\n![figure](figure.png)\n")
    for name in ("figure.png", "other.png"):
        (tmp_path / name).write_bytes(SEVEN)
    client = TestClient(create_app(Settings(weights=weights)))
    card.unlink()
    page = client.get("/model/card").text
    assert "<h1>Card \N{REPLACEMENT CHARACTER}</h1>" in page
    assert 'src="card/figure.png"' in page
    assert client.get("/model/card/figure.png").content == SEVEN
    for name in ("other.png", f"{'x' * 300}.png"):
        detail = f"The model card has no figure '{name}'."
        assert_problem(client.get(f"/model/card/{name}"), 404, "not-found", "Not Found", detail)
    detail = "There is no MODEL_CARD.md beside the weights. Write it with `evaluate --write`."
    assert_problem(without.get("/model/card"), 404, "not-found", "Not Found", detail)


def test_problem_pages(client: httpx2.Client) -> None:
    for kind in Problem.__subclasses__():
        response = client.get(f"/problems/{kind.code}")
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        page = html.unescape(response.text.replace("<code>", "`").replace("</code>", "`"))
        assert f"<h1>{kind.title}</h1>" in page
        assert f"HTTP status {kind.status}." in page
        assert advised(kind.documented()).detail in page
    detail = "There is no problem type 'none'."
    assert_problem(client.get("/problems/none"), 404, "not-found", "Not Found", detail)


def test_file_chooser_accepts_every_format(client: httpx2.Client) -> None:
    assert f'accept="{",".join(each.media_type for each in FORMATS)}"' in client.get("/").text


@pytest.mark.parametrize("path", ["/openapi.json", "/static/page.js", "/swagger-ui/swagger-ui-bundle.js"])
def test_compression_and_etags(client: httpx2.Client, path: str) -> None:
    plain, compressed = (client.get(path, headers={"Accept-Encoding": encoding}) for encoding in ("identity", "gzip"))
    assert compressed.headers["content-encoding"] == "gzip"
    assert compressed.content == plain.content
    assert int(compressed.headers["content-length"] if path == "/openapi.json" else 0) < len(plain.content) / 2
    assert compressed.headers["etag"] == plain.headers["etag"]
    cached = client.get(path, headers={"If-None-Match": compressed.headers["etag"]})
    assert (cached.status_code, cached.content) == (304, b"")
