"""A trainer that hands over whatever its recording names, good and bad, epoch after epoch."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.fakes.trainers import Quadratic


class WordlessError(Exception):
    """Cannot be put into words."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def _by_seed(losses: list[float], seeds: Sequence[int]) -> Any:
    return {"validation_loss": dict(zip(seeds, losses, strict=True))}


Row = Callable[[list[float], Sequence[int]], Any]
ROWS: Mapping[str, Row] = {
    "lists": lambda losses, _: {"validation_loss": losses},
    "arrays": lambda losses, _: {"validation_loss": np.array(losses), "extra": np.array(losses, dtype=np.float32)},
    "tensors": lambda losses, _: {"validation_loss": torch.tensor(losses, dtype=torch.float64, requires_grad=True)},
    "scalars in a list": lambda losses, _: {"validation_loss": [np.float64(loss) for loss in losses]},
    "by seed": _by_seed,
    "a generator": lambda losses, _: {"validation_loss": (loss for loss in losses)},
    "None for all": lambda _, __: {"validation_loss": None},
    "None for one": lambda losses, _: {"validation_loss": [None, *losses[1:]]},
    "not finite": lambda losses, _: {"validation_loss": [nan, *[inf for _ in losses[1:]]]},
    "another metric now and then": lambda losses, _: {"validation_loss": losses, "now and then": losses},
    "short": lambda losses, _: {"validation_loss": losses[1:]},
    "long": lambda losses, _: {"validation_loss": [*losses, 0.5]},
    "one of the tuner's names": lambda losses, _: {"validation_loss": losses, "epoch": losses},
    "another of its names": lambda losses, _: {"validation_loss": losses, "evaluated": losses},
    "no name": lambda losses, _: {"validation_loss": losses, "": losses},
    "a surrogate as a name": lambda losses, _: {"validation_loss": losses, "\ud800": losses},
    "a number as a name": lambda losses, _: {"validation_loss": losses, 3: losses},
    "text": lambda losses, _: {"validation_loss": ["\ud800"] * len(losses)},
    "complex": lambda losses, _: {"validation_loss": [1j] * len(losses)},
    "a matrix": lambda losses, _: {"validation_loss": np.zeros((len(losses), 2))},
    "another seed": lambda losses, _: {"validation_loss": {99: losses[0]}},
    "not the scored one": lambda losses, _: {"loss": losses},
    "no mapping": lambda losses, _: losses,
    "nothing": lambda _, __: None,
}
STATES: Mapping[str, Callable[[Any], Any]] = {
    "plain": lambda kept: kept,
    "NumPy": lambda kept: {seed: {**one, "w": np.ones(3), "b": np.float32(1)} for seed, one in kept.items()},
    "tensors": lambda kept: {seed: {**one, "w": torch.ones(3)} for seed, one in kept.items()},
    "marked": lambda kept: {seed: {**one, "t": ("latent-tune", "later")} for seed, one in kept.items()},
    "an object": lambda kept: {seed: {**one, "path": Path()} for seed, one in kept.items()},
    "without a seed": lambda kept: dict(list(kept.items())[1:]),
    "no mapping": lambda kept: list(kept.values()),
    "none": lambda _: None,
}
BASELINES: Mapping[str, Any] = {
    "a number": {"validation_loss": 1.0},
    "NumPy": {"validation_loss": np.float32(1.0)},
    "unknown": {"validation_loss": None},
    "not finite": {"validation_loss": nan},
    "empty": {},
    "nothing": None,
    "text": {"validation_loss": "1"},
    "a list": {"validation_loss": [1.0]},
    "no mapping": 1.0,
}
ERRORS: Mapping[str, Callable[[], BaseException] | None] = {
    "": None,
    "a surrogate": lambda: ValueError("\ud800"),
    "escapes": lambda: RuntimeError("\x1b]0;title\x07\x00"),
    "many lines": lambda: RuntimeError("\n" * 3000),
    "very long": lambda: RuntimeError("x" * 300_000),
    "without words": WordlessError,
    "of files": lambda: FileNotFoundError(2, "no such file", "\udcff"),
}


class Generated(Quadratic):
    """Does in each epoch, and when it is asked for a state or a baseline, what its recording names.

    Recording: `rows` (names in `ROWS`, one after the other and over again), `state` (in `STATES`), `baseline` (in
    `BASELINES`), `error` (in `ERRORS`) that is raised in `where` (train, state, baseline, close, evaluate), and
    `epochs_too_many` (negative: too few).
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        recording: Mapping[str, Any],
        seeds: Sequence[int],
        state: Mapping[int, Any] | None = None,
    ) -> None:
        super().__init__(config, recording, seeds, state)
        if self._given("evaluate", "") != "":
            self.evaluate = self._evaluate

    def train(self, epochs: int) -> Iterator[Any]:
        for _ in range(epochs + self._given("epochs_too_many", 0)):
            losses = [self._epoch(seed) for seed in self.seeds]
            self._fail("train")
            names = self._given("rows", ["lists"])
            yield ROWS[names[(max(self.epochs.values()) - 1) % len(names)]](losses, self.seeds)

    def state(self) -> Any:
        self._fail("state")
        return STATES[self._given("state", "plain")](super().state())

    def baseline(self) -> Any:
        self._fail("baseline")
        return BASELINES[self._given("baseline", "a number")]

    def close(self) -> None:
        super().close()
        self._fail("close")

    def _evaluate(self) -> Any:
        self._fail("evaluate")
        return ROWS[self._given("evaluate", "")]([0.5] * len(self.seeds), self.seeds)

    def _given(self, what: str, otherwise: Any) -> Any:
        return self.recording.get(what, otherwise)

    def _fail(self, where: str) -> None:
        make = ERRORS[self._given("error", "")]
        if make is not None and self._given("where", "train") == where:
            raise make()
