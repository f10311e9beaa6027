"""Malicious, unusual and random files at every endpoint that reads an image."""

import asyncio
import time

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from starlette.requests import Request
from starlette.types import Message

from app.api.uploads import read_batch
from app.preprocessing.decode import DigitImage, read_digit
from tests.conftest import encode
from tests.hostile import PLENTY, problem_or_success
from tests.hostile.corpus import FORMATS, corpus, drawing
from tests.serving import Server

FILES = corpus()
SECONDS = 10
"""Maximum time for a file on a busy machine; about one second otherwise."""

OPTIONS = ("--no-access-log",)
MEMORY = 600_000_000
"""Maximum resident memory in bytes: the interpreter and a colour image of 50 million pixels."""


@pytest.mark.parametrize(("path", "query"), [("/predict", ""), ("/predict", "fit=true"), ("/explain", "fit=true")])
def test_corpus(server: Server, path: str, query: str) -> None:
    with httpx2.Client(base_url=server.url, timeout=60) as client:
        for name, data in FILES.items():
            start = time.perf_counter()
            response = client.post(path, params=query, content=data)
            assert time.perf_counter() - start < SECONDS, name
            assert response.status_code in (200, 413, 415, 422), (name, response.text)
            if response.status_code != 200:
                problem = response.json()
                assert problem["type"].startswith("/problems/image-"), (name, problem)
                assert "." in problem["detail"]
        assert client.get("/readyz").status_code == 200
    assert server.peak_memory() < MEMORY


def test_corpus_in_batches(server: Server) -> None:
    names = [name for name, data in FILES.items() if len(data) < 50_000]
    with httpx2.Client(base_url=server.url, timeout=60) as client:
        for start in range(0, len(names), 63):
            some = [("files", FILES[name]) for name in names[start : start + 63]]
            response = client.post("/predict/batch", files=[*some, ("files", encode(drawing()))])
            assert response.status_code == 200, response.text
            *entries, last = response.json()["predictions"]
            assert len(entries) == len(some)
            assert all((entry["prediction"] is None) != (entry["problem"] is None) for entry in entries)
            assert last["prediction"]["digit"] == 7


def read(data: bytes, fit: bool) -> None:
    """Decode a file to an image or a problem."""
    with problem_or_success():
        image = read_digit(data, 1_000_000, fit)
        assert isinstance(image, DigitImage)
        assert image.pixels.shape == (28, 28)
        assert image.pixels.dtype.name == "uint8"


@st.composite
def damaged(draw: st.DrawFn, good: bytes, pieces: st.SearchStrategy[bytes]) -> bytes:
    """Bytes of which some are replaced by a piece."""
    start = draw(st.integers(0, len(good)))
    end = draw(st.integers(start, min(len(good), start + 64)))
    return good[:start] + draw(pieces) + good[end:]


GOOD = [encode(drawing("RGB", size), kind) for kind in FORMATS for size in ((28, 28), (61, 40))]


@PLENTY
@given(st.sampled_from(GOOD), st.data(), st.booleans())
def test_damaged_images(good: bytes, data: st.DataObject, fit: bool) -> None:
    read(data.draw(damaged(good, st.binary(max_size=64))), fit)


@PLENTY
@given(st.integers(1, 200), st.integers(1, 200), st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA"]), st.data())
def test_fit_of_random_images(width: int, height: int, mode: str, data: st.DataObject) -> None:
    levels = data.draw(st.binary(min_size=1, max_size=200))
    image = Image.frombytes("L", (width, height), (levels * (width * height))[: width * height]).convert(mode)
    read(encode(image), True)


PIECES = [
    *(b"--", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"x", b": ", b"; ", b'"', b"=", b"\0", b"\xff"),
    *(b"Content-Disposition", b"form-data", b'name="files"', b"name=files", b"filename*=utf-8''a"),
]
Part = tuple[bytes, bytes]  # the name and the content
NAMES = st.sampled_from([b'name="files"', b'name="files"; filename="a.png"', b"name=files; filename*=utf-8''a"])
OTHER_NAMES = st.sampled_from([b'name="file"', b'name="fit"', b'name="\xff"', b"x=y"])
PARTS = st.lists(st.tuples(NAMES, st.binary(max_size=40)), max_size=6)
OTHER_PARTS = st.lists(st.tuples(OTHER_NAMES, st.binary(max_size=40)), max_size=2)


@PLENTY
@given(st.text("-ab", min_size=1, max_size=8), PARTS, st.just([]) | OTHER_PARTS, st.integers(0, 2), st.data())
def test_random_forms(boundary: str, parts: list[Part], others: list[Part], damages: int, data: st.DataObject) -> None:
    line = b"--" + boundary.encode()
    forms = (line + b"\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % part for part in parts + others)
    body = b"".join(forms) + line + b"--\r\n"
    for _ in range(damages):
        body = data.draw(damaged(body, st.sampled_from([line, *PIECES]) | st.binary(max_size=9)))

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    content_type = f"multipart/form-data; boundary={boundary}".encode()
    request = Request({"type": "http", "headers": [(b"content-type", content_type)]}, receive)
    with problem_or_success():
        images = asyncio.run(read_batch(request, ("fit",), 5))
        assert 1 <= len(images) <= 5
        assert all(image.name == "files" and image.content in body for image in images)
        intact = not damages and body.count(line) == len(parts + others) + 1
        assert not intact or [image.content for image in images] == [content for _, content in parts]
