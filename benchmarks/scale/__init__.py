"""What the tuner itself costs; `python -m benchmarks.scale` measures it. Here is the study on which it is measured."""

import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from tune.study.study import Study

MARKS = "SCALEMARKS"


class DoNothing:
    """A loss from a formula, of which some settings fail on some seeds; `recording.sleep_s` is slept per epoch.

    The file named by `SCALEMARKS` gets a line for each unit: process, when it began and ended (monotonic seconds).
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        recording: Mapping[str, Any],
        seeds: Sequence[int],
        state: Mapping[int, Any] | None = None,
    ) -> None:
        self.began = time.monotonic()
        self.config, self.seeds, self.sleep_s = config, seeds, float(recording.get("sleep_s", 0))
        self.epochs = {seed: (state or {}).get(seed, {"epoch": 0})["epoch"] for seed in seeds}

    def train(self, epochs: int) -> Iterator[dict[str, list[float]]]:
        """Yields an epoch after the other."""
        for left in reversed(range(epochs)):
            time.sleep(self.sleep_s)
            losses = [self.loss(seed) for seed in self.seeds]
            if not left and MARKS in os.environ:
                with Path(os.environ[MARKS]).open("a", encoding="utf-8") as file:
                    file.write(f"{os.getpid()} {self.began} {time.monotonic()}\n")
            yield {"validation_loss": losses, "train_loss": losses, "seconds": [1.0] * len(losses)}

    def loss(self, seed: int) -> float:
        """Returns the loss after one more epoch."""
        self.epochs[seed] += 1
        chance = Random(f"{self.config['learning_rate']} {seed}")  # noqa: S311
        if self.config["use_batch_norm"] and self.config["batch_size"] == 16 and chance.random() < 0.3:
            return 0.05
        far = abs(math.log10(self.config["learning_rate"]) + 3)
        return 0.02 + 0.03 * far + 0.02 / (1 + self.epochs[seed]) + chance.gauss(0, 0.0005)

    def state(self) -> dict[int, Any]:
        """Returns how far each seed is."""
        return {seed: {"epoch": epoch} for seed, epoch in self.epochs.items()}

    def baseline(self) -> dict[str, float]:
        """Returns a loss that the settings which fail do not reach."""
        return {"validation_loss": 0.0355}

    def close(self) -> None:
        """Nothing to free."""


def study_of(trials: int, **changes: Any) -> Study:
    """A study of so many trials, five seeds and four rungs."""
    given: dict[str, Any] = {
        "name": "scale",
        "trainer": "benchmarks.scale:DoNothing",
        "recording": {},
        "space": {
            "learning_rate": {"log_uniform": [1e-4, 1e-2]},
            "batch_size": {"choice": [16, 64, 256]},
            "latent_dims": {"int": [4, 64], "log": True},
            "use_batch_norm": {"choice": [True, False]},
        },
        "search": {"method": "tpe", "trials": trials},
        "seeds": [1, 2, 3, 4, 5],
        "rungs": [{"epochs": epochs, "seeds": 5} for epochs in (1, 3, 9, 27)],
        "resources": {"cpus_per_trial": 1},
    }
    return Study.model_validate({**given, **changes})
