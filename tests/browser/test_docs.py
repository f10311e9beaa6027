"""Swagger UI in a real browser."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Open
from tests.conftest import DATA
from tests.serving import serve


def executed(page: Page, name: str, file: str) -> Locator:
    """Execute an operation with a file, and return the table of its response."""
    block = page.locator(f"#operations-predict-{name}_post")
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    block.locator("input[type=file]").set_input_files(DATA / file)
    block.get_by_role("button", name="Execute").click()
    return block.locator(".live-responses-table")


def test_predict_and_explain(open_page: Open) -> None:
    page = open_page("/docs")
    answer = executed(page, "predict_predict", "seven.png")
    expect(answer.locator(".response-col_status").last).to_contain_text("200")
    expect(answer.locator(".response-col_description").last).to_contain_text('"digit": 7')
    picture = executed(page, "explain_explain", "three.png").locator("img")
    expect(picture).to_have_js_property("naturalWidth", 280)


@pytest.mark.parametrize("scheme", ["APIKeyHeader", "HTTPBearer"])
def test_authorize(open_page: Open, scheme: str) -> None:
    with serve(environment={"THREE_OR_SEVEN_API_KEY": "s3cret"}) as server:
        page = open_page("/docs", base=server.url)
        page.get_by_role("button", name="Authorize").first.click()
        dialogue = page.locator(".modal-ux")
        container = dialogue.locator(".auth-container", has_text=scheme)
        container.locator("input").fill("s3cret")
        container.get_by_role("button", name="Apply credentials").click()
        container.get_by_role("button", name="Close").click()
        answer = executed(page, "predict_predict", "three.png")
        expect(answer.locator(".response-col_description").last).to_contain_text('"digit": 3')
