"""One objective, written as a class, as a function and as a program: a study must not tell them apart.

Its loss is plain arithmetic of configuration, seed and epoch, so that what differs differs in how it was trained.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

BASELINE = 2.0
SPACE: dict[str, Any] = {"learning_rate": {"log_uniform": [1e-4, 1e-1]}, "width": {"choice": [8, 16, 32]}}


def loss(learning_rate: float, width: int, seed: int, epoch: int) -> float:
    """Returns the validation loss of a seed after an epoch."""
    noise = (seed * 7919 + width) % 13 / 100
    return 0.1 + abs(learning_rate - 0.01) * 10 + 1 / width + noise + 1 / epoch


class Objective:
    """As a class."""

    def __init__(
        self,
        config: Mapping[str, Any],
        recording: Mapping[str, Any],
        seeds: Sequence[int],
        state: Mapping[int, Any] | None = None,
    ) -> None:
        self._config, self._seeds = config, seeds
        self._epoch = next(iter(state.values())) if state else 0

    def train(self, epochs: int) -> Iterator[dict[str, list[float]]]:
        for _ in range(epochs):
            self._epoch += 1
            yield {"validation_loss": [loss(**self._config, seed=seed, epoch=self._epoch) for seed in self._seeds]}

    def state(self) -> dict[int, int]:
        return dict.fromkeys(self._seeds, self._epoch)

    def baseline(self) -> dict[str, float]:
        return {"validation_loss": BASELINE}

    def close(self) -> None:
        pass


def train(config: Mapping[str, Any], seed: int, epochs: int, checkpoint: Path) -> Iterator[dict[str, float]]:
    """As a function."""
    file = checkpoint / "epoch"
    done = int(file.read_text()) if file.exists() else 0
    for epoch in range(done + 1, epochs + 1):
        file.write_text(str(epoch))
        yield {"epoch": epoch, "validation_loss": loss(**config, seed=seed, epoch=epoch)}


def train_anew(config: Mapping[str, Any], seed: int, epochs: int) -> Iterator[dict[str, float]]:
    """As a function that saves nothing."""
    for epoch in range(1, epochs + 1):
        yield {"validation_loss": loss(**config, seed=seed, epoch=epoch)}


def main() -> None:
    """As a program."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--learning_rate", type=float, required=True)
    parser.add_argument("--width", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--checkpoint", type=Path, help="without it nothing is saved")
    parser.add_argument("--metrics", type=Path, required=True)
    parser.add_argument("--numbers", action="store_true", help="tell the epoch with each row")
    options = parser.parse_args()
    config = {"learning_rate": options.learning_rate, "width": options.width}
    with options.metrics.open("w") as file:
        run = config, options.seed, options.epochs
        for row in train(*run, options.checkpoint) if options.checkpoint else train_anew(*run):
            file.write(json.dumps(row) + "\n")


COMMAND = [
    *(sys.executable, __file__, "{args}", "--seed", "{seed}", "--epochs", "{epochs}"),
    *("--metrics", "{run}/metrics.jsonl"),
]
PROGRAM_ANEW = {"command": COMMAND, "metrics": {"jsonl": "{run}/metrics.jsonl"}}
PROGRAM: dict[str, Any] = {**PROGRAM_ANEW, "command": [*COMMAND, "--checkpoint", "{checkpoint}"]}
WAYS: dict[str, dict[str, Any]] = {
    "class": {"trainer": "tests.fakes.one_objective:Objective"},
    "function": {"function": "tests.fakes.one_objective:train"},
    "program": {"program": {**PROGRAM, "command": [*PROGRAM["command"], "--numbers"]}},
    "program without numbers": {"program": PROGRAM},
}
"""What a study file says of it, by the way in which it is written."""

ANEW: dict[str, dict[str, Any]] = {
    "function": {"function": "tests.fakes.one_objective:train_anew"},
    "program": {"program": PROGRAM_ANEW},
}
"""The same where nothing is saved, and a run that climbs trains again from its first epoch."""

if __name__ == "__main__":
    main()
