"""The trainings as a class, as a function and, run as a file, as a program."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[3])

from tests.fakes.planted.faults import learner
from tests.fakes.planted.learner import Rows, splits

BASELINE = 1.0
"""The variance of what is to be predicted."""


class Trainer:
    """As a class."""

    def __init__(
        self,
        config: Mapping[str, Any],
        recording: Mapping[str, Any],
        seeds: Sequence[int],
        state: Mapping[int, Any] | None = None,
    ) -> None:
        self._learners = [learner(config, seed, recording) for seed in seeds]
        self._seeds = list(seeds)
        for seed, one in zip(seeds, self._learners, strict=True):
            if state is not None:
                one.load(state[seed])

    @staticmethod
    def splits(recording: Mapping[str, Any]) -> Rows:
        return splits(recording)

    def train(self, epochs: int) -> Iterator[dict[str, list[float]]]:
        for _ in range(epochs):
            rows = [one.row() for one in self._learners]
            yield {name: [row[name] for row in rows] for name in rows[0]}

    def state(self) -> dict[int, Any]:
        return {seed: one.state() for seed, one in zip(self._seeds, self._learners, strict=True)}

    def evaluate(self) -> dict[str, list[float]]:
        return {"test_loss": [one.evaluate()["test_loss"] for one in self._learners]}

    def features(self) -> dict[int, Any]:
        return {seed: one.features() for seed, one in zip(self._seeds, self._learners, strict=True)}

    def baseline(self) -> dict[str, float]:
        return {"validation_loss": BASELINE, "test_loss": BASELINE}

    def close(self) -> None:
        self._learners = []


def train(config: Mapping[str, Any], seed: int, epochs: int, checkpoint: Path) -> Iterator[dict[str, float]]:
    """As a function."""
    one = learner(config, seed)
    saved = checkpoint / "state.json"
    if saved.exists():
        one.load(json.loads(saved.read_text()))
    while one.epoch < epochs:
        row = one.row()
        saved.write_text(json.dumps(one.state()))
        yield {"epoch": one.epoch, **row}


def main() -> None:
    """As a program."""
    parser = ArgumentParser()
    parser.add_argument("--fault", required=True)
    parser.add_argument("--learning_rate", type=float, required=True)
    parser.add_argument("--width", type=int, required=True)
    parser.add_argument("--batch_size", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--metrics", type=Path, required=True)
    options = parser.parse_args()
    with options.metrics.open("w", buffering=1) as file:
        for row in train(vars(options), options.seed, options.epochs, options.checkpoint):
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
