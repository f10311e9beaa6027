"""The drawing page in a real browser."""

import base64
import os
import subprocess
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from app.api.routes.pages import STATIC
from app.classifier.weights import DEFAULT_PATH
from tests.browser.conftest import Open
from tests.browser.drawing import DIGITS, NEITHER, Finger, Hand, Palm
from tests.conftest import DATA, ROOT, THREE, encode
from tests.serving import serve

WHOLE = [(0, 0, 1.0, pen) for pen in (28, 8, 64)]
PLACES = [*WHOLE, (0.05, 0.5, 0.4, 14), (0.55, 0.02, 0.4, 20), (0.3, 0.3, 0.25, 8)]
"""Left, top and scale of a drawing, and the width of the pen."""

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "device_scale_factor": 2}
NEITHER_SENTENCE = "This looks like neither a 3 nor a 7."
SENTENCES = {"3": "A three.", "7": "A seven."}


def sentence(page: Page) -> Locator:
    return page.locator("#sentence")


def expect_empty(page: Page) -> None:
    expect(sentence(page)).to_have_text("Draw a 3 or a 7.")
    for button in ("#undo", "#clear", "#copy"):
        expect(page.locator(button)).to_be_disabled()
    for part in ("#seen", "#key"):
        expect(page.locator(part)).to_be_hidden()


@pytest.mark.parametrize(("hand", "options"), [(Hand, {}), (Finger, PHONE)])
def test_drawn_digits(open_page: Open, hand: type[Hand], options: dict[str, Any]) -> None:
    """Draw 36 digits with the mouse, and by touch on a phone."""
    page = open_page(**options)
    drawer = hand(page)
    for (name, strokes), (x, y, scale, pen) in product(DIGITS.items(), PLACES):
        page.locator("#pen").fill(str(pen))
        drawer.draw(strokes, x, y, scale)
        expect(sentence(page), f"{name} at {x}, {y}, {scale} with {pen}").to_have_text(SENTENCES[name[0]])
        expect(page.locator(f"#p-{name[0]}")).to_contain_text("9")
        page.locator("#clear").click()
        expect(sentence(page)).to_have_text("Draw a 3 or a 7.")


def test_drawings_of_neither_digit(open_page: Open) -> None:
    page = open_page()
    for strokes in NEITHER.values():
        Hand(page).draw(strokes)
        expect(sentence(page)).to_have_text(NEITHER_SENTENCE)
        page.locator("#clear").click()
        expect_empty(page)


def test_drawing_of_two_digits(open_page: Open) -> None:
    page = open_page()
    hand = Hand(page)
    hand.draw(DIGITS["3 round"], 0.02, 0.25, 0.45)
    hand.draw(DIGITS["7 plain"], 0.5, 0.25, 0.45)
    expect(sentence(page)).to_have_text("Probably a three, but there is something beside it.")
    expect(page.locator("#p-3")).to_contain_text("9")


def test_drawing_and_undo(open_page: Open) -> None:
    page = open_page()
    expect_empty(page)
    hand = Hand(page)
    hand.draw(DIGITS["7 plain"])
    expect(sentence(page)).to_have_text("A seven.")
    expect(page.locator("#p-7")).to_have_text("> 99.9 %")
    assert float(page.locator("#meter-7").get_attribute("aria-valuenow") or 0) > 0.999
    for picture in ("#plain", "#why"):
        expect(page.locator(picture)).to_have_js_property("naturalWidth", 280)
    hand.draw(NEITHER["scribble"])
    expect(sentence(page)).to_have_text(NEITHER_SENTENCE)
    page.locator("#undo").click()
    page.keyboard.press("Control+z")
    expect(sentence(page)).to_have_text("A seven.")
    page.locator("#undo").click()
    expect_empty(page)


def test_click_draws_a_dot(open_page: Open) -> None:
    page = open_page()
    page.locator("#paper").click()
    expect(sentence(page)).to_have_text("Draw it larger.")
    red, *_ = page.evaluate("[...document.querySelector('#paper').getContext('2d').getImageData(280, 280, 1, 1).data]")
    assert red < 50
    page.locator("#undo").click()
    expect_empty(page)


def test_palm_does_not_draw(open_page: Open) -> None:
    page = open_page(**PHONE)
    Palm(page).draw(DIGITS["7 barred"], scale=0.8)
    expect(sentence(page)).to_have_text("A seven.")
    for _ in DIGITS["7 barred"]:
        page.locator("#undo").click()
    expect_empty(page)


def test_tap_after_a_fast_stroke(open_page: Open) -> None:
    page = open_page(**PHONE, is_mobile=True)
    for _ in range(2):
        Finger(page).draw([[(0.1, 0.1 + 0.1 * step) for step in range(8)]])
        page.locator("#clear").tap()
        expect_empty(page)


def test_selected_text_is_not_dragged(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("Control+a")
    Hand(page).draw(DIGITS["7 plain"])
    expect(sentence(page)).to_have_text("A seven.")


def test_stroke_from_outside_selects_nothing(open_page: Open) -> None:
    page = open_page()
    Hand(page).draw([[(-0.02, 0.2), (0.4, 1.2)]])
    assert page.evaluate("getSelection().toString()") == ""


def test_samples(open_page: Open) -> None:
    page = open_page()
    for button in page.locator("[data-sample]").all():
        name = button.get_attribute("data-sample") or ""
        button.click()
        expect(sentence(page), name).to_have_text(SENTENCES.get(name[0], NEITHER_SENTENCE))
        page.locator("#clear").click()
    page.locator("#file").focus()
    page.keyboard.press("Tab")
    expect(page.locator("[data-sample='3']")).to_be_focused()
    page.keyboard.press("Enter")
    expect(sentence(page)).to_have_text("A three.")


EVENTS = {
    "drop": 'new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true})',
    "paste": 'new ClipboardEvent("paste", {clipboardData: data, bubbles: true})',
}


def give(page: Page, kind: str, content: bytes) -> None:
    """Upload a photo by drop, paste or file dialogue."""
    if kind == "choose":
        page.locator("#file").set_input_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": content})
        return
    script = f"""text => {{
        const data = new DataTransfer();
        const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
        data.items.add(new File([bytes], "photo.jpg", {{type: "image/jpeg"}}));
        document.body.dispatchEvent({EVENTS[kind]});
    }}"""
    page.evaluate(script, base64.b64encode(content).decode())


@pytest.mark.parametrize("kind", ["drop", "paste", "choose"])
def test_upload_of_a_photo(open_page: Open, kind: str) -> None:
    page = open_page()
    give(page, kind, (DATA / "photo.jpg").read_bytes())
    expect(sentence(page)).to_have_text("A seven.")


@pytest.mark.parametrize("action", ["undo", "clear", "paste", "drop"])
def test_stroke_ends_when_the_canvas_changes(open_page: Open, action: str) -> None:
    page = open_page()
    Hand(page).draw([[(0.1, 0.1), (0.2, 0.1)]])
    page.mouse.move(300, 400)
    page.mouse.down()
    page.mouse.move(350, 400)
    if action == "undo":
        page.keyboard.press("Control+z")
        page.keyboard.press("Control+z")
    elif action == "clear":
        page.locator("#clear").dispatch_event("click")
    else:
        give(page, action, (DATA / "photo.jpg").read_bytes())
        expect(sentence(page)).to_have_text("A seven.")
        page.locator("#undo").dispatch_event("click")
    page.mouse.move(350, 450)
    page.mouse.up()
    expect_empty(page)


def test_ink_of_an_upload(open_page: Open) -> None:
    page = open_page()
    ink = page.locator("#ink")
    expect(ink).to_be_disabled()
    give(page, "choose", (DATA / "photo.jpg").read_bytes())
    expect(sentence(page)).to_have_text("A seven.")
    with page.expect_request("**/predict?fit=true&ink=dark"):
        ink.select_option("dark")
    Hand(page).draw(DIGITS["7 plain"])
    expect(ink).to_be_disabled()


@pytest.mark.parametrize(("options", "visible"), [({}, False), (PHONE, True)])
def test_camera_on_touch_devices(open_page: Open, options: dict[str, Any], visible: bool) -> None:
    page = open_page(**options)
    expect(page.get_by_text("Take a photo")).to_be_visible(visible=visible)
    expect(page.get_by_text("or drop or paste one")).to_be_visible(visible=not visible)


def photo_of_twelve_megapixels() -> tuple[str, bytes]:
    """Return digit and file: a real photo if THREE_OR_SEVEN_HANDWRITING names a folder with `photo/3` and `photo/7`."""
    if not (folder := os.environ.get("THREE_OR_SEVEN_HANDWRITING")):
        return "7", encode(Image.open(DATA / "photo.jpg").resize((4000, 3000)), "JPEG")
    largest = max(Path(folder).glob("photo/[37]/*"), key=lambda path: path.stat().st_size)
    with Image.open(largest) as photo:
        assert prod(photo.size) > 12_000_000
    return largest.parent.name, largest.read_bytes()


PULSE = """
    let last = 0;
    document.addEventListener("drop", () => { window.dropped = last = performance.now(); window.longest = 0; }, true);
    setInterval(() => {
        const now = performance.now();
        window.longest = Math.max(window.longest, now - last);
        last = now;
    }, 20);
"""
"""Records the time of a drop, and the longest pause of the page since then."""


def test_large_photo_does_not_block_the_page(open_page: Open) -> None:
    digit, photo = photo_of_twelve_megapixels()
    page = open_page()
    page.evaluate(PULSE)
    give(page, "drop", photo)
    expect(sentence(page)).to_have_text(SENTENCES[digit], timeout=20_000)
    answered, longest = page.evaluate("[performance.now() - window.dropped, window.longest]")
    assert longest < answered / 2


def test_errors(open_page: Open) -> None:
    with serve("--drain-seconds", "0") as server:
        page = open_page(base=server.url, refusals=True)
        give(page, "choose", b"junk")
        error = "The file is not a PNG, JPEG, WebP, BMP or GIF image. Send one of these formats."
        expect(sentence(page)).to_have_text(error)
        give(page, "choose", b"")
        expect(sentence(page)).to_have_text("The file is empty.")
        page.locator("#clear").click()
    Hand(page).draw(DIGITS["7 plain"])
    expect(sentence(page)).to_have_text("The service does not answer. Is it still running?")


@pytest.mark.parametrize("key", ["s3cret", "schlüssel", "ключ"])
def test_api_key(open_page: Open, key: str) -> None:
    with serve(environment={"THREE_OR_SEVEN_API_KEY": key}) as server:
        page = open_page(base=server.url, refusals=True)
        page.locator("[data-sample='7']").click()
        expect(sentence(page)).to_have_text("Enter the API key below.")
        for wrong in ("wrong", "неверный"):
            page.locator("#api-key").fill(wrong)
            page.keyboard.press("Enter")
            expect(sentence(page)).to_have_text("The API key is wrong.")
            page.locator("#api-key").fill("")
            page.keyboard.press("Enter")
            expect(sentence(page)).to_have_text("Enter the API key below.")
        page.locator("#api-key").fill(key)
        page.keyboard.press("Enter")
        expect(sentence(page)).to_have_text("A seven.")
        expect(page.locator("#key")).to_be_hidden()


@pytest.mark.parametrize("source", ["drawing", "sample", "file", "paste"])
def test_copied_command(open_page: Open, source: str, tmp_path: Path) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    if source == "drawing":
        Hand(page).draw(DIGITS["3 round"])
    elif source == "sample":
        page.locator("[data-sample='3-curled']").click()
    elif source == "paste":
        give(page, "paste", THREE)
    else:
        file = tmp_path / """a;b, "c" \\d' $HOME.png"""
        file.write_bytes(THREE)
        page.locator("#file").set_input_files(file)
    expect(sentence(page)).to_have_text("A three.")
    page.locator("#copy").click()
    expect(page.locator("#copied")).to_have_text("Copied.")
    command = page.evaluate("navigator.clipboard.readText()")
    folder = tmp_path if source == "file" else ROOT
    answer = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True, cwd=folder).stdout
    assert '"digit":3' in answer


@pytest.mark.parametrize("options", [{}, PHONE, {"color_scheme": "dark"}])
def test_accessibility(open_page: Open, options: dict[str, Any]) -> None:
    page = open_page(**options)

    def check() -> None:
        results = Axe().run(page)
        assert results.violations_count == 0, results.generate_report()

    check()
    page.locator("[data-sample='7']").click()
    expect(sentence(page)).to_have_text("A seven.")
    check()
    page.goto(f"{page.url.rstrip('/')}/model/card")
    check()


def test_model_card_with_its_figures(open_page: Open) -> None:
    page = open_page("/")
    page.get_by_role("link", name="Model card").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Model card")
    pictures = page.locator("article img")
    assert pictures.count() == len(list(DEFAULT_PATH.parent.glob("*.png")))
    for picture in pictures.all():
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 200
    expect(page.locator("article table").first).to_contain_text("expected calibration error")


def test_page_size() -> None:
    """The total size of the page and its files before compression is limited."""
    loaded = [STATIC / name for name in ("index.html", "page.css", "page.js", "favicon.svg")]
    assert sum(path.stat().st_size for path in [*loaded, *(STATIC / "samples").iterdir()]) < 40_000
