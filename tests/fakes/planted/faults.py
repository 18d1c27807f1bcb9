"""Each fault as what it changes of a training that has none."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from tests.fakes.planted.dear import Leak, OutOfMemory, SlowFirstEpoch, SlowsDown, UnevenSteps, WaitsForInput
from tests.fakes.planted.learner import INPUTS, ROWS, Learner

FIRST_RUNG, TOP = 9, 27
"""Epochs of the studies' rungs."""

_KEPT: dict[str, dict[str, Any]] = {}

COUNTED = {"steps": 0}


class GlobalRandomState(Learner):
    """Draws its batches from NumPy's global generator, which whoever is constructed last has seeded for all."""

    def __init__(self, config: Mapping[str, Any], seed: int, recording: Mapping[str, Any]) -> None:
        super().__init__(config, seed, recording)
        np.random.seed(seed)  # noqa: NPY002

    def permutation(self) -> np.ndarray:
        return np.random.permutation(ROWS[0])  # noqa: NPY002

    def state(self) -> dict[str, Any]:
        drawn: dict[str, Any] = dict(np.random.get_state(legacy=False))  # noqa: NPY002
        return {
            **super().state(),
            "global": {**drawn, "state": {**drawn["state"], "key": drawn["state"]["key"].copy()}},
        }

    def load(self, state: Mapping[str, Any]) -> None:
        super().load(state)
        np.random.set_state(state["global"])  # noqa: NPY002


class ModuleVariable(Learner):
    """Decays its rate by a count of steps that is a variable of its module: all seeds of a process add to it."""

    def rate_at(self, epoch: int) -> float:
        return self.rate / (1 + COUNTED["steps"] / 200)

    def update(self, gradients: Mapping[str, np.ndarray]) -> None:
        super().update(gradients)
        COUNTED["steps"] += 1

    def state(self) -> dict[str, Any]:
        return {**super().state(), "counted": COUNTED["steps"]}

    def load(self, state: Mapping[str, Any]) -> None:
        super().load(state)
        COUNTED["steps"] = int(state["counted"])


class StateWithoutOptimizer(Learner):
    """Saves the weights, not the momentum."""

    def state(self) -> dict[str, Any]:
        return {name: value for name, value in super().state().items() if name != "velocity"}

    def load(self, state: Mapping[str, Any]) -> None:
        super().load({**state, "velocity": {name: np.zeros_like(one) for name, one in self.velocity.items()}})


class StateOfThisProcess(Learner):
    """Keeps its state in memory, and saves the key to it."""

    def state(self) -> dict[str, Any]:
        key = f"seed {self.seed} epoch {self.epoch}"
        _KEPT[key] = super().state()
        return {"key": key}

    def load(self, state: Mapping[str, Any]) -> None:
        super().load(_KEPT[state["key"]])


class MetricRenamed(Learner):
    """Calls its metric otherwise in the second part of the training, which the first rung does not reach."""

    def row(self) -> dict[str, float]:
        found = super().row()
        if self.epoch > FIRST_RUNG:
            found["val_loss"] = found.pop("validation_loss")
        return found


class Collapse(Learner):
    """Begins with the same weights in all hidden units, which nothing tells apart afterwards."""

    def initial(self) -> dict[str, np.ndarray]:
        begun = super().initial()
        return {"hidden": np.repeat(begun["hidden"][:, :1] / 4, self.width, axis=1), "out": np.full(self.width, 0.25)}


class PathOfTheNotebook(Learner):
    """Imports what lies in a folder that only the notebook has among its paths."""

    def __init__(self, config: Mapping[str, Any], seed: int, recording: Mapping[str, Any]) -> None:
        super().__init__(config, seed, recording)
        from lab_helpers import scale  # type: ignore[import-not-found]

        self.rate *= scale()


class VariableOfTheShell(Learner):
    """Asks for a variable that is set in the shell of whoever wrote it."""

    def __init__(self, config: Mapping[str, Any], seed: int, recording: Mapping[str, Any]) -> None:
        super().__init__(config, seed, recording)
        self.rate *= float(os.environ["LAB_SCALE"])


class MissingModule(Learner):
    """Imports what is not installed where it is started."""

    def __init__(self, config: Mapping[str, Any], seed: int, recording: Mapping[str, Any]) -> None:
        super().__init__(config, seed, recording)
        import lab_optimizers  # type: ignore[import-not-found] # noqa: F401


class UnscaledInputs(Learner):
    """Forgets to scale its inputs, so that the largest learning rate diverges."""

    def hidden(self, x: np.ndarray) -> np.ndarray:
        return x @ self.weights["hidden"]

    def step(self, rows: np.ndarray) -> tuple[float, float]:
        with np.errstate(over="ignore", invalid="ignore"):
            return super().step(rows)

    def loss(self, split: str) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            return super().loss(split)


class EvaluatesAnotherModel(Learner):
    """Evaluates what is loaded from a checkpoint by a model of the width that the paper had."""

    def load(self, state: Mapping[str, Any]) -> None:
        super().load(state)
        self.evaluated = np.zeros((INPUTS, 256))

    def evaluate(self) -> dict[str, float]:
        if hasattr(self, "evaluated"):
            self.evaluated[...] = self.weights["hidden"]
        return super().evaluate()


class SeedIgnored(Learner):
    """Uses a seed of its own, whatever seed it is given."""

    def __init__(self, config: Mapping[str, Any], seed: int, recording: Mapping[str, Any]) -> None:
        super().__init__(config, 42, recording)


class OrderShared(Learner):
    """Shuffles by a generator that has the same seed for all seeds; its weights are its own."""

    def order_of(self, seed: int) -> np.random.Generator:
        return np.random.default_rng(0)


class Unseeded(Learner):
    """Drops inputs by a generator that nobody has seeded."""

    def step(self, rows: np.ndarray) -> tuple[float, float]:
        return super().step(rows[np.random.default_rng().random(len(rows)) > 0.1])


class NothingLearned(Learner):
    """Gives the optimizer copies of the weights."""

    def update(self, gradients: Mapping[str, np.ndarray]) -> None:
        kept = dict(self.weights)
        super().update(gradients)
        self.weights = kept


class OtherUnits(Learner):
    """Sums its validation error over eight rows at a time, where the baseline is a mean."""

    def loss(self, split: str) -> float:
        return 8 * super().loss(split)


class GradientsKept(Learner):
    """Forgets to set the gradients to zero before it adds those of the next batch."""

    def __init__(self, config: Mapping[str, Any], seed: int, recording: Mapping[str, Any]) -> None:
        super().__init__(config, seed, recording)
        self.sums = {name: np.zeros_like(weight) for name, weight in self.weights.items()}

    def update(self, gradients: Mapping[str, np.ndarray]) -> None:
        for name, gradient in gradients.items():
            self.sums[name] += gradient
            gradients[name][...] = self.sums[name]
        super().update(gradients)

    def state(self) -> dict[str, Any]:
        return {**super().state(), "sums": {name: one.tolist() for name, one in self.sums.items()}}

    def load(self, state: Mapping[str, Any]) -> None:
        super().load(state)
        self.sums = {name: np.array(one) for name, one in state["sums"].items()}


class Spikes(Learner):
    """Warms up over four epochs, and in the third divides its momentum by a count that is almost zero."""

    def rate_at(self, epoch: int) -> float:
        return self.rate * min(1.0, epoch / 4)

    def update(self, gradients: Mapping[str, np.ndarray]) -> None:
        if self.epoch == 3 and self.steps % 4 == 0:
            self.velocity = {name: 28 * one for name, one in self.velocity.items()}
        super().update(gradients)


class ScheduleOfTheFirstRung(Learner):
    """Decays its rate over 16 epochs, where the full training has 27."""

    def rate_at(self, epoch: int) -> float:
        return self.rate * 0.5 * (1 + float(np.cos(np.pi * min(epoch, 16) / 16)))


FAULTS: dict[str, type[Learner]] = {
    "none": Learner,
    "global_random_state": GlobalRandomState,
    "module_variable": ModuleVariable,
    "state_without_optimizer": StateWithoutOptimizer,
    "state_of_this_process": StateOfThisProcess,
    "metric_renamed": MetricRenamed,
    "leak": Leak,
    "collapse": Collapse,
    "path_of_the_notebook": PathOfTheNotebook,
    "variable_of_the_shell": VariableOfTheShell,
    "missing_module": MissingModule,
    "slow_first_epoch": SlowFirstEpoch,
    "slows_down": SlowsDown,
    "uneven_steps": UnevenSteps,
    "waits_for_input": WaitsForInput,
    "unscaled_inputs": UnscaledInputs,
    "evaluates_another_model": EvaluatesAnotherModel,
    "out_of_memory": OutOfMemory,
    "seed_ignored": SeedIgnored,
    "order_shared": OrderShared,
    "unseeded": Unseeded,
    "nothing_learned": NothingLearned,
    "other_units": OtherUnits,
    "gradients_kept": GradientsKept,
    "spikes": Spikes,
    "schedule_of_the_first_rung": ScheduleOfTheFirstRung,
}
"""By what a study has under `fixed`."""


def learner(config: Mapping[str, Any], seed: int, recording: Mapping[str, Any] | None = None) -> Learner:
    """A seed's training, with the fault that its configuration names."""
    return FAULTS[config["fault"]](config, seed, recording or {})
