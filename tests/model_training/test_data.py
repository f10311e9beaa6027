"""MNIST's loading, on small IDX files that the tests make, from folders and from a real HTTP server."""

import gzip
import hashlib
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from app.classifier.pixels import DIGITS
from model_training.data import MNIST_SHA256, DataError, Digits, Mnist, load_mnist
from tests.data.make import compact

CONTENTS = {
    "train-images-idx3-ubyte": struct.pack(">4B3I", 0, 0, 8, 3, 2, 28, 28) + bytes(range(256)) * 6 + bytes(32),
    "train-labels-idx1-ubyte": struct.pack(">4BI", 0, 0, 8, 1, 2) + bytes([3, 7]),
    "t10k-images-idx3-ubyte": struct.pack(">4B3I", 0, 0, 8, 3, 1, 28, 28) + bytes(784),
    "t10k-labels-idx1-ubyte": struct.pack(">4BI", 0, 0, 8, 1, 1) + bytes([5]),
}
CHECKSUMS = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}
FIRST, *_, LAST = CONTENTS
SPOILT_GZ = gzip.compress(CONTENTS[FIRST])[:20] + b"\xff" * 100
"""Its header is right, its deflated contents are not."""


class Mirror:
    """An HTTP server with the four files, and what is wrong with it."""

    def __init__(self) -> None:
        self.files = {f"/mnist/{name}.gz": gzip.compress(content) for name, content in CONTENTS.items()}
        self.cut: set[str] = set()
        self.served: list[str] = []
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path not in mirror.files:
                    return self.send_error(404)
                content = mirror.files[self.path]
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.path in mirror.cut:
                    self.wfile.write(content[: len(content) // 2])
                    return
                mirror.served.append(self.path)
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/mnist"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    mirror = Mirror()
    yield mirror
    mirror.stop()


def load(*mirrors: str, cache: Path) -> Mnist:
    return load_mnist(mirrors=mirrors, cache=cache, checksums=CHECKSUMS)


def assert_right(mnist: Mnist) -> None:
    assert mnist.train.images.shape == (2, 28, 28)
    assert mnist.train.images[0].ravel()[:300].tolist() == [i % 256 for i in range(300)]
    assert mnist.train.labels.tolist() == [3, 7]
    assert mnist.test.images.shape == (1, 28, 28)
    assert mnist.test.labels.tolist() == [5]


@pytest.mark.parametrize(("suffix", "stored"), [("", bytes), (".gz", gzip.compress)])
def test_folder(tmp_path: Path, suffix: str, stored: Callable[[bytes], bytes]) -> None:
    for name, content in CONTENTS.items():
        (tmp_path / (name + suffix)).write_bytes(stored(content))
    assert_right(load_mnist(tmp_path, checksums=CHECKSUMS))


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("another", b"", f"The folder .* holds neither {FIRST} nor {FIRST}.gz."),
        (f"{FIRST}.gz", gzip.compress(CONTENTS[FIRST])[:-9], f"Cannot read {FIRST} in the folder .*: "),
        (f"{FIRST}.gz", SPOILT_GZ, f"Cannot read {FIRST} in the folder .*: "),
        (FIRST, CONTENTS[FIRST], f"is not MNIST's: its SHA-256 is not {MNIST_SHA256[FIRST]}"),
    ],
    ids=["missing", "truncated", "corrupt", "another"],
)
def test_folder_with_a_missing_or_wrong_file(tmp_path: Path, name: str, content: bytes, error: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=error):
        load_mnist(tmp_path)


def test_a_mirror_is_downloaded_once(tmp_path: Path, mirror: Mirror) -> None:
    assert_right(load(mirror.url, cache=tmp_path))
    assert mirror.served == list(mirror.files)
    assert_right(load(mirror.url, cache=tmp_path))
    assert mirror.served == list(mirror.files)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(CONTENTS)


def test_corrupt_file_in_the_cache_is_downloaded_again(tmp_path: Path, mirror: Mirror) -> None:
    load(mirror.url, cache=tmp_path)
    (tmp_path / LAST).write_bytes(b"spoilt")
    assert_right(load(mirror.url, cache=tmp_path))
    assert mirror.served[4:] == [f"/mnist/{LAST}.gz"]


@pytest.mark.parametrize(
    ("served", "error"),
    [
        (gzip.compress(b"something else"), rf"(?s)Cannot download {FIRST}.*\n%s: .*does not match.*Run again"),
        (None, rf"Cannot download {FIRST}\.\n%s: 404 Client Error"),
    ],
    ids=["wrong", "missing"],
)
def test_mirror_with_a_missing_or_wrong_file(tmp_path: Path, mirror: Mirror, served: bytes | None, error: str) -> None:
    del mirror.files[f"/mnist/{FIRST}.gz"]
    if served:
        mirror.files[f"/mnist/{FIRST}.gz"] = served
    with pytest.raises(DataError, match=error % mirror.url):
        load(mirror.url, cache=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("gone", [False, True])
def test_next_mirror_is_used(tmp_path: Path, mirror: Mirror, gone: bool) -> None:
    bad = Mirror()
    bad.files[f"/mnist/{FIRST}.gz"] = SPOILT_GZ
    if gone:
        bad.stop()
        with pytest.raises(DataError, match="Connection refused"):
            load(bad.url, cache=tmp_path)
    assert_right(load(bad.url, mirror.url, cache=tmp_path))
    if not gone:
        bad.stop()


def test_interrupted_download_is_resumed_by_the_next_run(tmp_path: Path, mirror: Mirror) -> None:
    mirror.cut = {f"/mnist/{LAST}.gz"}
    with pytest.raises(DataError, match=f"Cannot download {LAST}"):
        load(mirror.url, cache=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(set(CONTENTS) - {LAST})
    mirror.cut = set()
    assert_right(load(mirror.url, cache=tmp_path))
    assert mirror.served == list(mirror.files)


def test_mnist_holds_what_it_should(mnist: Mnist) -> None:
    assert mnist.train.images.shape == (60_000, 28, 28)
    assert mnist.test.images.shape == (10_000, 28, 28)
    assert [len(mnist.train.only(digit).labels) for digit in DIGITS] == [6131, 6265]
    assert [len(mnist.test.only(digit).labels) for digit in DIGITS] == [1010, 1028]


def test_the_compact_copy_is_true(mnist: Mnist, digits: Digits, others: Digits) -> None:
    for copy, original in zip((digits, others), compact(mnist.test).values(), strict=True):
        assert (copy.images == original.images).all()
        assert (copy.labels == original.labels).all()


def test_only_keeps_the_digits_asked_for(others: Digits) -> None:
    kept = others.only(1, 8)
    assert np.unique(kept.labels, return_counts=True)[1].tolist() == [50, 50]
    assert (kept.images[0] == others.images[others.labels == 1][0]).all()


def test_a_split_is_stratified_and_loses_nothing(digits: Digits) -> None:
    rest, held_out = digits.split(0.1, np.random.default_rng(0))
    assert [len(held_out.only(digit).labels) for digit in DIGITS] == [101, 103]
    assert [len(rest.only(digit).labels) for digit in DIGITS] == [909, 925]
    together = [image.tobytes() for image in np.concatenate([rest.images, held_out.images])]
    assert sorted(together) == sorted(image.tobytes() for image in digits.images)
    again = digits.split(0.1, np.random.default_rng(0))
    assert (again[1].images == held_out.images).all()
