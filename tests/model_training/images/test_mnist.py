"""Loading of MNIST from folders and from an HTTP server, with small IDX files."""

import gzip
import hashlib
import struct
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from app.classifier.pixels import DIGITS
from model_training.images.mnist import MNIST_SHA256, DataError, Digits, Mnist, load_mnist
from tests.data.make import compact

CONTENTS = {
    "train-images-idx3-ubyte": struct.pack(">4B3I", 0, 0, 8, 3, 2, 28, 28) + bytes(range(256)) * 6 + bytes(32),
    "train-labels-idx1-ubyte": struct.pack(">4BI", 0, 0, 8, 1, 2) + bytes([3, 7]),
    "t10k-images-idx3-ubyte": struct.pack(">4B3I", 0, 0, 8, 3, 1, 28, 28) + bytes(784),
    "t10k-labels-idx1-ubyte": struct.pack(">4BI", 0, 0, 8, 1, 1) + bytes([5]),
}
CHECKSUMS = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}
FIRST, *_, LAST = CONTENTS
CORRUPT_GZ = gzip.compress(CONTENTS[FIRST])[:20] + b"\xff" * 100
"""File with a valid gzip header and corrupt deflated data."""


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """A folder with the four files, which the mirror serves."""
    folder = tmp_path / "served"
    folder.mkdir()
    for name, content in CONTENTS.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
    return folder


@pytest.fixture
def mirror(served: Path) -> Iterator[str]:
    handler = partial(SimpleHTTPRequestHandler, directory=str(served))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


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
        (f"{FIRST}.gz", CORRUPT_GZ, f"Cannot read {FIRST} in the folder .*: "),
        (FIRST, CONTENTS[FIRST], f"is not MNIST's: its SHA-256 is not {MNIST_SHA256[FIRST]}"),
    ],
    ids=["missing", "truncated", "corrupt", "another"],
)
def test_folder_with_a_missing_or_wrong_file(tmp_path: Path, name: str, content: bytes, error: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=error):
        load_mnist(tmp_path)


def test_download_is_cached_and_resumed(tmp_path: Path, served: Path, mirror: str) -> None:
    cache = tmp_path / "cache"
    first, last = (served / f"{name}.gz" for name in (FIRST, LAST))
    whole = last.read_bytes()
    last.write_bytes(whole[:-9])
    with pytest.raises(DataError, match=f"Cannot download {LAST}"):
        load(mirror, cache=cache)
    assert {path.name for path in cache.iterdir()} == set(CONTENTS) - {LAST}
    for path in served.iterdir():
        path.unlink()
    last.write_bytes(whole)
    assert_right(load(mirror, cache=cache))
    last.unlink()
    assert_right(load(mirror, cache=cache))
    assert {path.name for path in cache.iterdir()} == set(CONTENTS)
    (cache / FIRST).write_bytes(b"corrupt")
    first.write_bytes(gzip.compress(CONTENTS[FIRST]))
    assert_right(load(mirror, cache=cache))


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (gzip.compress(b"something else"), rf"(?s)Cannot download {FIRST}.*\n%s: .*does not match.*Run again"),
        (CORRUPT_GZ, rf"Cannot download {FIRST}\.\n%s: Compressed file ended"),
        (None, rf"Cannot download {FIRST}\.\n%s: 404 Client Error"),
    ],
    ids=["another", "corrupt", "missing"],
)
def test_next_mirror_is_used(tmp_path: Path, served: Path, mirror: str, content: bytes | None, error: str) -> None:
    cache, bad = tmp_path / "cache", f"{mirror}/bad"
    (served / "bad").mkdir()
    if content:
        (served / "bad" / f"{FIRST}.gz").write_bytes(content)
    with pytest.raises(DataError, match=error % bad):
        load(bad, cache=cache)
    assert not list(cache.iterdir())
    assert_right(load("http://127.0.0.1:9", bad, mirror, cache=cache))


def test_mnist_and_its_compact_copy(mnist: Mnist, digits: Digits, others: Digits) -> None:
    for part, size, counts in ((mnist.train, 60_000, [6131, 6265]), (mnist.test, 10_000, [1010, 1028])):
        assert part.images.shape == (size, 28, 28)
        assert [len(part.only(digit).labels) for digit in DIGITS] == counts
    for copy, original in zip((digits, others), compact(mnist.test).values(), strict=True):
        assert (copy.images == original.images).all()
        assert (copy.labels == original.labels).all()


def test_only_and_stratified_split(digits: Digits, others: Digits) -> None:
    kept = others.only(1, 8)
    assert np.unique(kept.labels, return_counts=True)[1].tolist() == [50, 50]
    assert (kept.images[0] == others.images[others.labels == 1][0]).all()
    rest, held_out = digits.split(0.1, np.random.default_rng(0))
    assert [len(held_out.only(digit).labels) for digit in DIGITS] == [101, 103]
    assert [len(rest.only(digit).labels) for digit in DIGITS] == [909, 925]
    together = [image.tobytes() for image in np.concatenate([rest.images, held_out.images])]
    assert sorted(together) == sorted(image.tobytes() for image in digits.images)
    again = digits.split(0.1, np.random.default_rng(0))
    assert (again[1].images == held_out.images).all()
