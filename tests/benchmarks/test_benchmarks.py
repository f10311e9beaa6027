"""That the benchmarks run. How fast things are, no test says."""

import subprocess
import sys


def test_the_training_benchmark_runs() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.training", "--turns", "1", "--seconds", "0.1"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    for name in ("five matrix products alone", "this project", "PyTorch, fused Adam", "scikit-learn MLPClassifier"):
        assert name in ended.stdout
