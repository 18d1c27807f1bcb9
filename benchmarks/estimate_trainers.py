"""Trainings whose time depends on their setting, for `benchmarks.check_estimate`."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from math import exp, nan
from random import Random
from typing import Any

import numpy as np


def sleeping(config: Mapping[str, Any], seed: int, epochs: int) -> Iterator[dict[str, float]]:
    """A function: one seed, an analytic loss, and a sleep that grows with `depth` and shrinks with `batch`."""
    random = Random(f"{seed} {config['depth']}")  # noqa: S311 - no secret
    for epoch in range(1, epochs + 1):
        time.sleep((0.008 + 0.006 * config["depth"] + 0.6 / config["batch"]) * random.lognormvariate(0, 0.05))
        loss = 0.2 + 0.1 * abs(config["depth"] - 5) / 5 + exp(-epoch / 3) + random.gauss(0, 0.02)
        yield {"validation_loss": loss}


class Sleeper:
    """A class that sleeps: `cost` times `size` to the power 0.7, and the square root of the number of seeds.

    With `momentum` it takes a third longer. Settings with `edge` above 0.8 raise in their first epoch; of those above
    0.6 odd seeds diverge after two.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        recording: Mapping[str, Any],
        seeds: Sequence[int],
        state: Mapping[int, Any] | None = None,
    ) -> None:
        self._config, self._seeds = config, list(seeds)
        self._epoch = int(state[self._seeds[0]]["epoch"]) if state else 0
        more = 1.33 if config.get("momentum") is not None else 1.0
        self._lasts_s = recording["cost"] * config["size"] ** 0.7 * len(self._seeds) ** 0.5 * more

    def train(self, epochs: int) -> Iterator[dict[str, list[float]]]:
        """Sleeps, and yields an analytic loss."""
        for _ in range(epochs):
            self._epoch += 1
            if self._config.get("edge", 0.0) > 0.8:
                raise RuntimeError("beyond the edge nothing can be trained")
            random = Random(f"{self._epoch} {self._config['size']}")  # noqa: S311 - no secret
            time.sleep(self._lasts_s * random.lognormvariate(0, 0.08))
            yield {"validation_loss": [self._loss(seed) for seed in self._seeds]}

    def _loss(self, seed: int) -> float:
        if self._config.get("edge", 0.0) > 0.6 and seed % 2 and self._epoch > 2:
            return nan
        luck = Random(f"{seed} {self._epoch}").gauss(0, 0.02)  # noqa: S311 - no secret
        return 0.3 + 0.2 * abs(self._config["size"] - 6) / 6 + 0.7 * exp(-self._epoch / 3) + luck

    def state(self) -> dict[int, dict[str, int]]:
        """Returns the epoch."""
        return {seed: {"epoch": self._epoch} for seed in self._seeds}

    def baseline(self) -> Mapping[str, float]:
        """Returns what a model that has learned nothing reaches."""
        return {"validation_loss": 1.0}

    def close(self) -> None:
        """Nothing is held."""


class Network:
    """A network of two layers in NumPy that learns a fixed one; all seeds in one batched product."""

    rows, inputs = 1024, 16

    def __init__(
        self,
        config: Mapping[str, Any],
        recording: Mapping[str, Any],
        seeds: Sequence[int],
        state: Mapping[int, Any] | None = None,
    ) -> None:
        self._config, self._seeds = config, list(seeds)
        self._passes = int(recording["passes"])
        data = np.random.default_rng(0)
        self._x = data.normal(size=(self.rows, self.inputs))
        self._y = np.tanh(self._x @ data.normal(size=(self.inputs, 1)))
        width = int(config["width"])
        drawn = [np.random.default_rng(seed) for seed in seeds]
        first = np.stack([rng.normal(0, self.inputs**-0.5, (self.inputs, width)) for rng in drawn])
        last = np.stack([rng.normal(0, width**-0.5, (width, 1)) for rng in drawn])
        self._weights, self._epoch = [first, last], 0
        if state:
            kept = [state[seed] for seed in seeds]
            self._weights = [np.stack([one[name] for one in kept]) for name in ("first", "last")]
            self._epoch = int(kept[0]["epoch"])

    def train(self, epochs: int) -> Iterator[dict[str, list[float]]]:
        """Trains by gradient descent, `passes` times over the rows per epoch."""
        rate, batch = float(self._config["learning_rate"]), int(self._config["batch_size"])
        for _ in range(epochs):
            for _ in range(self._passes):
                for start in range(0, self.rows // 2, batch):
                    self._step(self._x[start : start + batch], self._y[start : start + batch], rate)
            self._epoch += 1
            half = self.rows // 2
            off = np.tanh(self._x[half:] @ self._weights[0]) @ self._weights[1] - self._y[half:]
            yield {"validation_loss": [float(one) for one in (off**2).mean(axis=(1, 2))]}

    def _step(self, x: Any, y: Any, rate: float) -> None:
        first, last = self._weights
        hidden = np.tanh(x @ first)
        off = (hidden @ last - y) / len(x)
        back = (off @ last.transpose(0, 2, 1)) * (1 - hidden**2)
        self._weights = [first - rate * (x.T @ back), last - rate * (hidden.transpose(0, 2, 1) @ off)]

    def state(self) -> dict[int, dict[str, Any]]:
        """Returns weights and epoch."""
        first, last = self._weights
        return {
            seed: {"first": first[at], "last": last[at], "epoch": self._epoch} for at, seed in enumerate(self._seeds)
        }

    def baseline(self) -> Mapping[str, float]:
        """Returns the loss of the constant zero."""
        return {"validation_loss": float((self._y[self.rows // 2 :] ** 2).mean())}

    def close(self) -> None:
        """Nothing is held."""


def program() -> None:
    """A program, `python -m benchmarks.estimate_trainers WORK RATE SEED EPOCHS`: plain Python, without a checkpoint."""
    work, rate, seed, epochs = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    random = Random(seed)  # noqa: S311 - no secret
    for epoch in range(1, epochs + 1):
        total = sum(number * number % 7 for number in range(1000 * work))
        loss = 0.3 + rate + exp(-epoch) + random.gauss(0, 0.02) + 0 * total
        print(f"epoch {epoch} loss={loss}", flush=True)


if __name__ == "__main__":
    program()
