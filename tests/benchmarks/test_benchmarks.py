"""The benchmarks run without errors."""

import os
import shutil
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("benchmark", "arguments", "words"),
    [
        (
            "training",
            ["--turns", "1"],
            ["five matrix products alone", "this project", "PyTorch, fused Adam", "scikit-learn MLPClassifier"],
        ),
        (
            "serving",
            ["--here", "--turns", "1", "--seconds", "1", "--connections", "4"],
            ["the limit", "bare body", "form", "batch of 64", "binary tensor of 64", "plain FastAPI"],
        ),
        ("isolation", ["--seconds", "1"], ["JSON tensors of 2 MiB", "PNGs of 49 megapixels"]),
        ("growth", ["--turns", "1", "--seconds", "1"], ["workers", "images in a batch", "pixels"]),
        ("soak", ["--seconds", "10", "--overload-seconds", "5"], ["too large", "leaving", "Overload"]),
    ],
)
def test_benchmark(benchmark: str, arguments: list[str], words: list[str]) -> None:
    if benchmark != "training" and not os.environ.get("CI"):
        if shutil.which("wrk") is None:
            pytest.skip("needs wrk: `apt install wrk`, or https://github.com/wg/wrk")
        if not hasattr(os, "sched_getaffinity"):
            pytest.skip("needs Linux, where a process can be kept on a core")
    command = [sys.executable, "-m", f"tests.benchmarks.{benchmark}", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    for word in words:
        assert word in ended.stdout
