import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load as deserialize
from safetensors.numpy import save_file

from app.classifier.network import Layer, Parameters
from app.classifier.weights import METADATA_KEY, Metadata, WeightsError, load, save

METADATA = Metadata(version="1.2.3", architecture=(784, 3, 2), threshold=0.9, training={"seed": 1})


@pytest.fixture
def parameters() -> Parameters:
    rng = np.random.default_rng(0)
    shapes = [(784, 3), (3, 2)]
    return tuple(Layer(rng.random(s, np.float32), rng.random(s[1], np.float32)) for s in shapes)


def test_what_is_saved_is_loaded(tmp_path: Path, parameters: Parameters) -> None:
    path = tmp_path / "weights.safetensors"
    save(path, parameters, METADATA)
    weights = load(path)
    assert weights.metadata == METADATA
    for loaded, saved in zip(weights.parameters, parameters, strict=True):
        assert (loaded.W == saved.W).all()
        assert (loaded.b == saved.b).all()


def test_the_file_is_plain_safetensors_with_one_json_document(tmp_path: Path, parameters: Parameters) -> None:
    path = tmp_path / "weights.safetensors"
    save(path, parameters, METADATA)
    content = path.read_bytes()
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


def test_the_same_weights_give_the_same_bytes(tmp_path: Path, parameters: Parameters) -> None:
    for name in ("a", "b"):
        save(tmp_path / name, parameters, METADATA)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert load(tmp_path / "a").sha256 == load(tmp_path / "b").sha256


@pytest.mark.parametrize(("owner", "failing"), [(os, "fsync"), (Path, "replace")])
def test_a_failed_save_leaves_the_earlier_file_and_nothing_else(
    tmp_path: Path, parameters: Parameters, monkeypatch: pytest.MonkeyPatch, owner: object, failing: str
) -> None:
    path = tmp_path / "weights.safetensors"
    save(path, parameters, METADATA)
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(owner, failing, fail)
    with pytest.raises(OSError, match="No space left"):
        save(path, parameters, replace(METADATA, threshold=0.8))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_weights_that_could_not_be_loaded_are_not_saved(tmp_path: Path, parameters: Parameters) -> None:
    with pytest.raises(ValueError, match=r"threshold 2\.0 is not in the range"):
        save(tmp_path / "weights", parameters, replace(METADATA, threshold=2.0))
    with pytest.raises(ValueError, match="it has 1 layers, and its architecture is"):
        save(tmp_path / "weights", parameters[:1], METADATA)
    assert not list(tmp_path.iterdir())


def write(path: Path, parameters: Parameters, document: Any) -> None:
    tensors = {f"{i}.{name}": array for i, layer in enumerate(parameters) for name, array in layer._asdict().items()}
    save_file(tensors, path, metadata=None if document is None else {METADATA_KEY: document})


GOOD = {"version": "1", "format_version": 1, "architecture": [784, 3, 2], "digits": [3, 7], "threshold": 0.9}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (None, r"its metadata has no object 'three-or-seven'"),
        ("{", "Expecting property name"),
        ("[]", r"its metadata has no object 'three-or-seven'"),
        ("[" * 100_000, "maximum recursion depth"),
        (json.dumps({}), "its metadata has no proper 'format_version'"),
        (json.dumps(GOOD | {"version": 1}), "its metadata has no proper 'version'"),
        (json.dumps(GOOD | {"format_version": 2}), "its format version is 2, and this program reads 1"),
        (json.dumps(GOOD | {"surprise": 1}), "unexpected keyword argument 'surprise'"),
        (json.dumps(GOOD | {"digits": [3, 8]}), r"it tells the digits \(3, 8\) apart, not \(3, 7\)"),
        (json.dumps(GOOD | {"threshold": 0.2}), "its threshold 0.2 is not in the range 0.5 to 1"),
        (json.dumps(GOOD | {"threshold": "high"}), "its metadata has no proper 'threshold'"),
        (json.dumps(GOOD | {"architecture": [784, 4, 2]}), r"its layer 0 has the shapes \(784, 3\) and \(3,\), not"),
        (json.dumps(GOOD | {"architecture": [784, 2]}), r"it holds the tensors \['0.W', '0.b', '1.W', '1.b'\], not"),
        (json.dumps(GOOD | {"architecture": []}), r"it holds the tensors .*, not \[\]"),
        (json.dumps(GOOD | {"architecture": [784, 3, 3]}), "does not lead from 784 pixels to 2 digits"),
    ],
)
def test_metadata_that_does_not_fit_is_refused_in_one_sentence(
    tmp_path: Path, parameters: Parameters, document: str | None, reason: str
) -> None:
    path = tmp_path / "weights.safetensors"
    write(path, parameters, document)
    with pytest.raises(WeightsError, match=rf"^Cannot use the weights file {re.escape(str(path))}: .*{reason}"):
        load(path)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (lambda W, b: (W.astype(np.float64), b), "its layer 0 is of float64 and float32, not float32"),
        (lambda W, b: (W * np.float32(np.nan), b), "its layer 0 has values that are not finite"),
        (lambda W, b: (W, b + np.float32(np.inf)), "its layer 0 has values that are not finite"),
        (lambda W, b: (W[:-1], b), r"its layer 0 has the shapes \(783, 3\) and \(3,\)"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(tmp_path: Path, parameters: Parameters, layer: Any, reason: str) -> None:
    first, second = parameters
    write(tmp_path / "weights", (Layer(*layer(*first)), second), json.dumps(GOOD))
    with pytest.raises(WeightsError, match=reason):
        load(tmp_path / "weights")


def test_a_file_without_tensors_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "weights", (), json.dumps(GOOD | {"architecture": []}))
    with pytest.raises(WeightsError, match=r"its architecture \(\) does not lead from 784 pixels to 2 digits"):
        load(tmp_path / "weights")


def test_a_type_that_numpy_does_not_have_is_refused(tmp_path: Path) -> None:
    header = json.dumps({"0.W": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}).encode()
    (tmp_path / "weights").write_bytes(len(header).to_bytes(8, "little") + header + b"\0\0")
    with pytest.raises(WeightsError, match="it holds tensors of the type 'BF16'"):
        load(tmp_path / "weights")


def test_missing_and_broken_files_are_refused(tmp_path: Path, parameters: Parameters) -> None:
    path = tmp_path / "weights"
    with pytest.raises(WeightsError, match=r"weights: No such file or directory\.$"):
        load(path)
    path.write_bytes(b"not weights")
    with pytest.raises(WeightsError, match="Cannot use the weights file"):
        load(path)
    save(path, parameters, METADATA)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="Cannot use the weights file"):
        load(path)
