"""Fixtures for a real browser that reaches only the service."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, sync_playwright

Open = Callable[..., Page]

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def find_browser() -> str | None:
    """Return the path of the browser, or None if there is none."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    program = find_browser()
    if program is None:
        pytest.skip("needs Chromium: `apt install chromium`, or Chrome from https://www.google.com/chrome/")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=FLAGS)


@pytest.fixture
def open_page(browser: Browser, client: httpx2.Client) -> Iterator[Open]:
    """Open pages of the service. A request to another host or an error on the console fails the test.

    With `refusals`, responses with an error status may be on the console.
    """
    faults: list[str] = []
    contexts = []

    def open_(path: str = "/", base: str = "", refusals: bool = False, **options: Any) -> Page:
        service = base or str(client.base_url).rstrip("/")

        def guard(route: Route) -> None:
            if route.request.url.startswith((f"{service}/", "blob:", "data:")):
                route.continue_()
            else:
                faults.append(f"request to {route.request.url}")
                route.abort()

        def note(message: ConsoleMessage) -> None:
            refusal = refusals and message.text.startswith("Failed to load resource")
            if message.type in ("error", "warning") and not refusal:
                faults.append(message.text)

        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(10_000)
        context.route("**/*", guard)
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(service + path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert faults == []
