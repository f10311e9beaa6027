"""Swagger UI, as people try the service in it."""

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.conftest import DATA
from tests.serving import serve

Open = Callable[..., Page]


def operation(page: Page, name: str) -> Locator:
    """Open an operation, ready to be tried."""
    block = page.locator(f"#operations-predict-{name}_post")
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    return block


def test_an_image_is_chosen_and_read(open_page: Open) -> None:
    page = open_page("/docs")
    block = operation(page, "predict_predict")
    block.locator("input[type=file]").set_input_files(DATA / "seven.png")
    block.get_by_role("button", name="Execute").click()
    answer = block.locator(".live-responses-table")
    expect(answer.locator(".response-col_status").last).to_contain_text("200")
    expect(answer.locator(".response-col_description").last).to_contain_text('"digit": 7')
    page.wait_for_timeout(300)


def test_explain_shows_its_picture(open_page: Open) -> None:
    page = open_page("/docs")
    block = operation(page, "explain_explain")
    block.locator("input[type=file]").set_input_files(DATA / "three.png")
    block.get_by_role("button", name="Execute").click()
    picture = block.locator(".live-responses-table img")
    expect(picture).to_have_js_property("naturalWidth", 280)


def test_authorize_works(open_page: Open) -> None:
    with serve(environment={"THREE_OR_SEVEN_API_KEY": "s3cret"}) as server:
        page = open_page("/docs", base=server.url)
        page.get_by_role("button", name="Authorize").first.click()
        page.locator(".modal-ux input").fill("s3cret")
        page.locator(".modal-ux").get_by_role("button", name="Apply credentials").click()
        page.locator(".modal-ux").get_by_role("button", name="Close").click()
        block = operation(page, "predict_predict")
        block.locator("input[type=file]").set_input_files(DATA / "three.png")
        block.get_by_role("button", name="Execute").click()
        expect(block.locator(".live-responses-table .response-col_description").last).to_contain_text('"digit": 3')
