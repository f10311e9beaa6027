"""Make page.png, the picture of the page in the README: `python -m tests.browser.screenshot`."""

from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.browser.conftest import FLAGS, find_browser
from tests.browser.drawing import DIGITS, Hand
from tests.serving import serve

if __name__ == "__main__":
    with serve() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        page = browser.new_page(viewport={"width": 1000, "height": 880})
        page.goto(server.url)
        Hand(page).draw(DIGITS["7 barred"], 0.1, 0.05, 0.85)
        page.wait_for_load_state("networkidle")
        expect(page.locator("#why")).to_be_visible()
        page.screenshot(path=Path(__file__).with_name("page.png"))
        browser.close()
