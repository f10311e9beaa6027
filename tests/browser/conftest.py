"""A real browser, which reaches no host but the service."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("needs Chromium: `apt install chromium`, or Chrome from https://www.google.com/chrome/")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=FLAGS)


@pytest.fixture
def open_page(browser: Browser, client: httpx2.Client) -> Iterator[Callable[..., Page]]:
    """Opens pages of the service. A request to another host or an error on the console fails the test."""
    service = str(client.base_url).rstrip("/")
    faults: list[str] = []
    contexts = []

    def guard(route: Route) -> None:
        url = urlsplit(route.request.url)
        if f"{url.scheme}://{url.netloc}" == service or url.scheme in ("blob", "data"):
            route.continue_()
        else:
            faults.append(f"request to {route.request.url}")
            route.abort()

    def open_(path: str = "/", base: str = service, **options: Any) -> Page:
        nonlocal service
        service = base
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(10_000)
        context.route("**/*", guard)
        page = context.new_page()
        page.on(
            "console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(base + path)
        return page

    open_.faults = faults  # type: ignore[attr-defined]  # for tests that expect some
    yield open_
    for context in contexts:
        context.close()
    assert faults == []
