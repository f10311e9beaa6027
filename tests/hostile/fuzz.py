"""Coverage-guided fuzzing of the decoders: `pip install atheris`, then

    python -m tests.hostile.fuzz images -max_total_time=600 -rss_limit_mb=0
    python -m tests.hostile.fuzz tensors -max_total_time=600 -rss_limit_mb=0

The options after the name are libFuzzer's. There is no limit on memory, since the instrumented process grows with each
execution. libFuzzer writes each input that fails to a file; add such files to the corpus.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import atheris

with atheris.instrument_imports():
    from tests.hostile import test_files, test_inference_protocol
from tests.hostile.corpus import corpus
from tests.hostile.test_inference_protocol import FP32, UINT8

LONGEST = 4096
"""Maximum number of bytes of a seed. Long seeds slow down the search."""


def read_image(data: bytes) -> None:
    """Decode an image. The last byte is the value of `fit`."""
    test_files.read(data[:-1], data[-1:] > b"\x7f")


def read_tensor(data: bytes) -> None:
    """Read an inference request. The JSON ends at the first null byte."""
    head, null, _ = data.partition(b"\0")
    test_inference_protocol.read(data, str(len(head)) if null else None)


def tensor_seeds() -> Iterator[bytes]:
    """Make a request of each kind."""
    for tensor, size in ((UINT8 | {"shape": [1, 28, 28]}, 784), (FP32, 3136)):
        for more, binary in (({"data": [0] * 784}, b""), ({"parameters": {"binary_data_size": size}}, bytes(size))):
            yield json.dumps({"id": "a", "inputs": [tensor | more], "outputs": [{"name": "digit"}]}).encode() + binary


def image_seeds() -> Iterator[bytes]:
    for data in corpus().values():
        if len(data) < LONGEST:
            yield from (data + b"\0", data + b"\xff")


def main() -> None:
    _, name, *options = sys.argv
    target, seeds = {"images": (read_image, image_seeds), "tensors": (read_tensor, tensor_seeds)}[name]
    folder = Path(mkdtemp(prefix="fuzz-"))
    for number, seed in enumerate(seeds()):
        (folder / str(number)).write_bytes(seed)
    atheris.Setup([name, str(folder), "-max_len=8192", *options], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
