"""Speed of the training step: `python -m tests.benchmarks.training`.

Compares it with its five large matrix products alone (the limit of any implementation on this BLAS), with PyTorch and
with scikit-learn, on the same network, batch size and number of threads, in turns in one run. PyTorch and scikit-learn
are left out where they are not installed: `pip install torch scikit-learn`.
"""

import statistics
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from timeit import Timer
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from threadpoolctl import threadpool_limits

from app.classifier.network import forward
from model_training.learning.backprop import Backpropagation
from model_training.learning.optimizer import Adam
from model_training.learning.parameters import as_layers, initialize, size
from model_training.learning.trainer import Batch, TrainingSettings, learn

SETTINGS = TrainingSettings()
LEARNING_RATE = 1e-4

Step = Callable[[], object]


def matrix_products(inputs: np.ndarray, targets: np.ndarray) -> Step:
    """Run the matrix products alone: two forward and three backward, without the small ones of the outputs."""
    rng = np.random.default_rng(0)
    (W1, _), (W2, _), _ = new_parameters()[1]
    a1 = rng.random((len(inputs), W1.shape[1]), np.float32)
    a2 = rng.random((len(inputs), W2.shape[1]), np.float32)
    z1, z2, dW1, dW2 = (np.empty_like(array) for array in (a1, a2, W1, W2))

    def step() -> None:
        np.matmul(inputs, W1, out=z1)
        np.matmul(a1, W2, out=z2)
        np.matmul(a1.T, a2, out=dW2)
        np.matmul(a2, W2.T, out=z1)
        np.matmul(inputs.T, z1, out=dW1)

    return step


def ours(inputs: np.ndarray, targets: np.ndarray) -> Step:
    """Run a step of `model_training`: backpropagation, centring and Adam with weight decay."""
    flat, parameters = new_parameters()
    backpropagation = Backpropagation(SETTINGS.architecture, len(inputs), np.float32)
    optimizer = Adam(flat, weight_decay=SETTINGS.weight_decay)
    return lambda: learn(parameters, Batch(inputs, targets), backpropagation, optimizer, LEARNING_RATE)


def pytorch(inputs: np.ndarray, targets: np.ndarray, fused: bool) -> Step:
    """Run the same network in PyTorch, with its fused or plain Adam."""
    import torch

    torch.set_num_threads(1)
    layers: list[Any] = []
    for n_in, n_out in pairwise(SETTINGS.architecture):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.Sigmoid()]
    network = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, fused=fused, foreach=False)
    x, t = torch.from_numpy(inputs), torch.from_numpy(targets)

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(x), t).backward()
        optimizer.step()

    return step


def scikit_learn(inputs: np.ndarray, targets: np.ndarray) -> Step:
    """Run scikit-learn's MLPClassifier, one batch at a time."""
    from sklearn.neural_network import MLPClassifier

    classifier = MLPClassifier(SETTINGS.hidden, activation="logistic", alpha=0, batch_size=len(inputs))
    labels = targets.argmax(axis=1)
    classifier.partial_fit(inputs, labels, classes=[0, 1])
    return lambda: classifier.partial_fit(inputs, labels)


CONTESTANTS: dict[str, tuple[str, Callable[[np.ndarray, np.ndarray], Step]]] = {
    "five matrix products alone": ("numpy", matrix_products),
    "this project": ("numpy", ours),
    "PyTorch, fused Adam": ("torch", partial(pytorch, fused=True)),
    "PyTorch, plain Adam": ("torch", partial(pytorch, fused=False)),
    "scikit-learn MLPClassifier": ("sklearn", scikit_learn),
}


def new_parameters() -> tuple[np.ndarray, tuple[Any, ...]]:
    """Make initial parameters, flat and as layers."""
    flat = np.empty(size(SETTINGS.architecture), np.float32)
    initialize(flat, SETTINGS.architecture, np.random.default_rng(0))
    return flat, as_layers(flat, SETTINGS.architecture)


def main(
    turns: Annotated[int, typer.Option(min=1, help="How often each is timed; the median counts.")] = 50,
) -> None:
    """Time all contestants in turns, each on one thread, and print medians, with ratios taken turn by turn."""
    rng = np.random.default_rng(0)
    inputs = rng.random((SETTINGS.batch_size, SETTINGS.architecture[0]), np.float32)
    targets = rng.dirichlet([1, 1], SETTINGS.batch_size).astype(np.float32)
    assert np.isfinite(forward(new_parameters()[1], inputs)[-1]).all()
    rates: dict[str, list[float]] = defaultdict(list)
    with threadpool_limits(1):
        steps = {name: make(inputs, targets) for name, (module, make) in CONTESTANTS.items() if find_spec(module)}
        for _ in track(range(turns), "Turns"):
            for name, step in steps.items():
                count, seconds = Timer(step).autorange()
                rates[name].append(SETTINGS.batch_size * count / seconds)
    title = f"{'-'.join(map(str, SETTINGS.architecture))}, batch {SETTINGS.batch_size}, float32, one thread"
    table = Table("", "examples a second", "this project is", title=title)
    for name in CONTESTANTS:
        if name in rates:
            ratio = statistics.median(a / b for a, b in zip(rates["this project"], rates[name], strict=True))
            table.add_row(name, f"{statistics.median(rates[name]):,.0f}", f"{ratio:.2f} times as fast")
        else:
            table.add_row(name, "not installed", "")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
