import json
import os
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load as deserialize
from safetensors.numpy import save as serialize
from safetensors.numpy import save_file

from app.classifier.network import Layer, Parameters
from app.classifier.weights import METADATA_KEY, Metadata, WeightsError, load, save

METADATA = Metadata(version="1.2.3", architecture=(784, 3, 2), threshold=0.9, training={"seed": 1})


RNG = np.random.default_rng(0)
PARAMETERS: Parameters = tuple(
    Layer(RNG.random(shape, np.float32), RNG.random(shape[1], np.float32)) for shape in [(784, 3), (3, 2)]
)
W, b = PARAMETERS[0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights.safetensors"


@pytest.fixture
def saved(path: Path) -> Path:
    save(path, PARAMETERS, METADATA)
    return path


def test_file_format(saved: Path, tmp_path: Path) -> None:
    content = saved.read_bytes()
    assert {name: array.shape for name, array in deserialize(content).items()} == {
        "0.W": (784, 3),
        "0.b": (3,),
        "1.W": (3, 2),
        "1.b": (2,),
    }
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert list(header["__metadata__"]) == [METADATA_KEY]
    assert json.loads(header["__metadata__"][METADATA_KEY]) == {
        "name": "three-or-seven",
        "version": "1.2.3",
        "format_version": 1,
        "architecture": [784, 3, 2],
        "digits": [3, 7],
        "threshold": 0.9,
        "training": {"seed": 1},
        "data": {},
        "metrics": {},
    }
    weights = load(saved)
    assert weights.metadata == METADATA
    for loaded, given in zip(weights.parameters, PARAMETERS, strict=True):
        assert (loaded.W == given.W).all()
        assert (loaded.b == given.b).all()
    save(tmp_path / "again", PARAMETERS, METADATA)
    assert (tmp_path / "again").read_bytes() == content
    assert load(tmp_path / "again").sha256 == weights.sha256


@pytest.mark.parametrize(("owner", "failing"), [(os, "fsync"), (Path, "replace")])
def test_failed_save_keeps_the_earlier_file(
    saved: Path, monkeypatch: pytest.MonkeyPatch, owner: object, failing: str
) -> None:
    before = saved.read_bytes()

    def fail(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(owner, failing, fail)
    with pytest.raises(OSError, match="No space left"):
        save(saved, PARAMETERS, replace(METADATA, threshold=0.8))
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_invalid_weights_are_not_saved(path: Path) -> None:
    with pytest.raises(ValueError, match=r"threshold 2\.0 is not in the range"):
        save(path, PARAMETERS, replace(METADATA, threshold=2.0))
    with pytest.raises(ValueError, match="it has 1 layers, and its architecture is"):
        save(path, PARAMETERS[:1], METADATA)
    assert not list(path.parent.iterdir())


def write(path: Path, parameters: Parameters, document: Any) -> None:
    tensors = {f"{i}.{name}": array for i, layer in enumerate(parameters) for name, array in layer._asdict().items()}
    save_file(tensors, path, metadata=None if document is None else {METADATA_KEY: document})


GOOD = json.loads(json.dumps(asdict(METADATA)))


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (None, r"its metadata has no object 'three-or-seven'"),
        ("{", "Expecting property name"),
        ("[]", r"its metadata has no object 'three-or-seven'"),
        ("[" * 100_000, "maximum recursion depth"),
        (json.dumps({}), "its metadata has no valid 'format_version'"),
        (json.dumps(GOOD | {"version": 1}), "its metadata has no valid 'version'"),
        (json.dumps(GOOD | {"name": 5}), "its metadata has no valid 'name'"),
        (json.dumps(GOOD | {"training": 5}), "its metadata has no valid 'training'"),
        (json.dumps(GOOD | {"data": None}), "its metadata has no valid 'data'"),
        (json.dumps(GOOD | {"data": {"images": 5}}), "its metadata has no valid 'data'"),
        (json.dumps(GOOD | {"metrics": {"test": 0.99}}), "its metadata has no valid 'metrics'"),
        (json.dumps(GOOD | {"metrics": []}), "its metadata has no valid 'metrics'"),
        (json.dumps(GOOD | {"format_version": 2}), "its format version is 2, not 1"),
        (json.dumps(GOOD | {"surprise": 1}), "its metadata has the unknown field 'surprise'"),
        (json.dumps(GOOD | {"digits": [3, 8]}), r"its digits are \(3, 8\), not \(3, 7\)"),
        (json.dumps(GOOD | {"threshold": 0.2}), "its threshold 0.2 is not in the range 0.5 to 1"),
        (json.dumps(GOOD | {"threshold": "high"}), "its metadata has no valid 'threshold'"),
        (json.dumps(GOOD | {"architecture": [784, 4, 2]}), r"its layer 0 has the shapes \(784, 3\) and \(3,\), not"),
        (json.dumps(GOOD | {"architecture": [784, 2]}), r"it has the tensors \['0.W', '0.b', '1.W', '1.b'\], not"),
        (json.dumps(GOOD | {"architecture": []}), r"it has the tensors .*, not \[\]"),
        (json.dumps(GOOD | {"architecture": [784, 3, 3]}), "does not have 784 inputs and 2 outputs"),
    ],
)
def test_invalid_metadata(path: Path, document: str | None, reason: str) -> None:
    write(path, PARAMETERS, document)
    with pytest.raises(WeightsError, match=rf"^Cannot use the weights file '{re.escape(str(path))}': .*{reason}"):
        load(path)


@pytest.mark.parametrize(
    ("W", "b", "reason"),
    [
        (W.astype(np.float64), b, "its layer 0 has the types float64 and float32, not float32"),
        (W * np.float32(np.nan), b, "its layer 0 has values that are not finite"),
        (W, b + np.float32(np.inf), "its layer 0 has values that are not finite"),
        (W[:-1], b, r"its layer 0 has the shapes \(783, 3\) and \(3,\)"),
    ],
)
def test_invalid_tensors(path: Path, W: Any, b: Any, reason: str) -> None:
    write(path, (Layer(W, b), PARAMETERS[1]), json.dumps(GOOD))
    with pytest.raises(WeightsError, match=reason):
        load(path)


BF16 = json.dumps({"0.W": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}).encode()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, r"weights.safetensors': No such file or directory\. Give an existing"),
        (
            b"not weights",
            r"it is truncated or not a safetensors file that NumPy can read \(.*too large\)\. Give an existing",
        ),
        (serialize({"0.W": PARAMETERS[0].W})[:-100], "it is truncated or not a safetensors file"),
        (len(BF16).to_bytes(8, "little") + BF16 + b"\0\0", r"not a safetensors file that NumPy can read \('BF16'\)"),
    ],
)
def test_missing_or_invalid_file(path: Path, content: bytes | None, reason: str) -> None:
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match=reason):
        load(path)
