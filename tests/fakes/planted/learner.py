"""A small training that has no fault: a network with one hidden layer, by gradient descent with momentum.

Its data are made without random numbers, so that all that is seeded is the seed's own. An epoch burns as much of the
processor as `pace_s` says: about as long on every machine, and busy.
"""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

INPUTS, ROWS = 8, (512, 128, 128)
SPLITS = ("train", "validation", "test")
MOMENTUM = 0.5
PACE_S = 0.012

Rows = dict[str, np.ndarray]


def _rows() -> tuple[np.ndarray, np.ndarray]:
    """Inputs that fill a cube evenly (Weyl's sequences), and a smooth function of them; variances of 1."""
    roots = np.sqrt(np.array([2, 3, 5, 7, 11, 13, 17, 19]))
    x = (np.outer(np.arange(1, sum(ROWS) + 1), roots) % 1 * 2 - 1) * np.sqrt(3)
    y = x @ np.linspace(1, -1, INPUTS) + np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2]
    return x, (y - y.mean()) / y.std()


X, Y = _rows()


def splits(recording: Mapping[str, Any]) -> Rows:
    """The rows of each split, `[rows, inputs]`; the recording's fault mixes them."""
    places = places_of(recording)
    return {name: X[places[name]] for name in SPLITS}


def places_of(recording: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Which rows are in which split."""
    found = dict(zip(SPLITS, np.split(np.arange(sum(ROWS)), np.cumsum(ROWS)[:-1]), strict=True))
    if recording.get("fault") == "test_is_validation":
        found["test"] = found["validation"]
    if recording.get("fault") == "train_rows_in_validation":
        found["validation"] = np.concatenate([found["validation"][:80], found["train"][:48]])
    return found


class Learner:
    """Trains one seed.

    Args:
        config: `learning_rate`, `width` and `batch_size`; `pace_s` of processor time for an epoch.
        seed: Of weights and order.
        recording: Of which splits it is, see `places_of`.
    """

    def __init__(self, config: Mapping[str, Any], seed: int, recording: Mapping[str, Any]) -> None:
        self.rate = float(config["learning_rate"])
        self.width, self.batch_size = int(config["width"]), int(config["batch_size"])
        self.pace_s = float(config.get("pace_s", PACE_S))
        self.seed, self.epoch, self.steps = seed, 0, 0
        places = places_of(recording)
        self.inputs, self.targets = ({name: rows[places[name]] for name in SPLITS} for rows in (X, Y))
        self.weights = self.initial()
        self.velocity = {name: np.zeros_like(weight) for name, weight in self.weights.items()}
        self.order = self.order_of(seed)

    def initial(self) -> dict[str, np.ndarray]:
        """The weights before the first step."""
        source = np.random.default_rng([self.seed, 1])
        hidden = source.standard_normal((INPUTS, self.width)) / np.sqrt(INPUTS)
        return {"hidden": hidden, "out": source.standard_normal(self.width) / np.sqrt(self.width)}

    def order_of(self, seed: int) -> np.random.Generator:
        """What the order of batches is drawn from."""
        return np.random.default_rng([seed, 2])

    def permutation(self) -> np.ndarray:
        """The order of the training rows in the next epoch."""
        return self.order.permutation(ROWS[0])

    def rate_at(self, epoch: int) -> float:
        """The learning rate in an epoch, from 1."""
        return self.rate

    def row(self) -> dict[str, float]:
        """Trains an epoch, and says what came of it."""
        self.epoch += 1
        norms, losses = zip(*map(self.step, np.split(self.permutation(), ROWS[0] // self.batch_size)), strict=True)
        self.work()
        return {
            "validation_loss": self.loss("validation"),
            "train_loss": float(np.mean(losses)),
            "gradient_norm": float(np.mean(norms)),
            "learning_rate": self.rate_at(self.epoch),
        }

    def step(self, rows: np.ndarray) -> tuple[float, float]:
        """Takes a step on some rows; returns the norm of the gradient, and the loss before."""
        x, y = self.inputs["train"][rows], self.targets["train"][rows]
        hidden = self.hidden(x)
        error = hidden @ self.weights["out"] - y
        back = np.outer(error, self.weights["out"]) * (1 - hidden**2)
        gradients = {"hidden": 2 * x.T @ back / len(rows), "out": 2 * hidden.T @ error / len(rows)}
        self.update(gradients)
        return float(np.sqrt(sum(np.sum(one**2) for one in gradients.values()))), float(np.mean(error**2))

    def update(self, gradients: Mapping[str, np.ndarray]) -> None:
        """Moves the weights."""
        self.steps += 1
        for name, gradient in gradients.items():
            self.velocity[name] = MOMENTUM * self.velocity[name] - self.rate_at(self.epoch) * gradient
            self.weights[name] = self.weights[name] + self.velocity[name]

    def hidden(self, x: np.ndarray) -> np.ndarray:
        """What the hidden layer makes of rows, `[rows, width]`."""
        return np.tanh(x @ self.weights["hidden"])

    def loss(self, split: str) -> float:
        """The mean squared error over a split."""
        return float(np.mean((self.hidden(self.inputs[split]) @ self.weights["out"] - self.targets[split]) ** 2))

    def work(self) -> None:
        """Computes for as long as an epoch should take."""
        burn(self.pace_s)

    def evaluate(self) -> dict[str, float]:
        """What the test split says."""
        return {"test_loss": self.loss("test")}

    def features(self) -> np.ndarray:
        """The hidden layer over the validation rows, `[rows, width]`."""
        return self.hidden(self.inputs["validation"])

    def state(self) -> dict[str, Any]:
        """Everything that the next epoch rests on, as JSON could hold it."""
        return {
            "epoch": self.epoch,
            "steps": self.steps,
            "weights": {name: weight.tolist() for name, weight in self.weights.items()},
            "velocity": {name: weight.tolist() for name, weight in self.velocity.items()},
            "order": self.order.bit_generator.state,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `state` returned."""
        self.epoch, self.steps = int(state["epoch"]), int(state["steps"])
        self.weights = {name: np.array(weight) for name, weight in state["weights"].items()}
        self.velocity = {name: np.array(weight) for name, weight in state["velocity"].items()}
        self.order.bit_generator.state = state["order"]


def burn(seconds: float) -> None:
    """Keeps the processor busy."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass
