"""The training that every tool tunes: digits by a network with one hidden layer, in NumPy, one seed.

    python digits.py --learning-rate 0.03 --width 32 --seed 1 --epochs 9

It stands for a user's own script. `trained` is its loop, for tools that want a function.
"""

import argparse
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

BATCH = 32
DIGITS = Path(find_spec("sklearn").origin).with_name("datasets") / "data" / "digits.csv.gz"  # not imported: seconds


def main() -> None:
    """Trains once, with a line for each epoch."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--learning-rate", type=float, default=0.03)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=9)
    args = parser.parse_args()
    losses = trained(args.learning_rate, args.width, args.seed)
    for epoch in range(1, args.epochs + 1):
        validation_loss = next(losses)
        print(f"epoch {epoch} validation_loss {validation_loss:.6f}", flush=True)


def trained(learning_rate: float, width: int, seed: int) -> Iterator[float]:
    """Yields the loss on held-out digits after each epoch, without end."""
    random = np.random.default_rng(seed)
    table = np.loadtxt(DIGITS, delimiter=",")
    x, target = table[:, :-1] / 16, np.eye(10)[table[:, -1].astype(int)]
    first = random.normal(0, 64**-0.5, (64, width))
    last = random.normal(0, width**-0.5, (width, 10))
    while True:
        order = random.permutation(1200)
        for rows in np.split(order[: len(order) // BATCH * BATCH], len(order) // BATCH):
            hidden, error = _said(x[rows], first, last)
            error = (error - target[rows]) / BATCH
            back = error @ last.T * (hidden > 0)
            last -= learning_rate * hidden.T @ error
            first -= learning_rate * x[rows].T @ back
        _, said = _said(x[1200:], first, last)
        if log := os.environ.get("DIGITS_LOG"):  # how many epochs a tool had trained
            with Path(log).open("a", encoding="utf-8") as file:
                file.write("epoch\n")
        yield float(-np.mean(np.log(said[target[1200:] == 1] + 1e-12)))


def _said(x: np.ndarray, first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    hidden = np.maximum(x @ first, 0)
    scores = hidden @ last
    said = np.exp(scores - scores.max(1, keepdims=True))
    return hidden, said / said.sum(1, keepdims=True)


if __name__ == "__main__":
    main()
