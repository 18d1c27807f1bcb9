"""A question to a sampler: a study in memory that shows what is known, and is thrown away with the answer."""

from collections.abc import Container, Mapping, Sequence
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

from tune.optimizer.observations import ParameterAxis

optuna.logging.set_verbosity(optuna.logging.WARNING)


def ask(axes: Mapping[str, ParameterAxis], shown: Sequence[FrozenTrial], sampler: BaseSampler) -> dict[str, Any]:
    """Returns a value of each parameter as a sampler suggests them.

    Args:
        axes: The parameters.
        shown: The trials that the sampler is to know of.
        sampler: It is asked once.
    """
    memory = optuna.create_study(storage=_Shown(shown), sampler=sampler, direction="minimize")
    drawn = memory.ask({name: axis.distribution for name, axis in axes.items()}).params
    return {name: axis.value(drawn[name]) for name, axis in axes.items()}


class _Shown(InMemoryStorage):
    """An Optuna study that shows trials which it does not hold: to copy them into it would cost more than to ask."""

    def __init__(self, shown: Sequence[FrozenTrial]) -> None:
        super().__init__()
        self._shown = shown

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Returns what is shown, then the trial that is asked for; what is shown is never copied."""
        own = super().get_all_trials(study_id, deepcopy, states)
        return [trial for trial in self._shown if states is None or trial.state in states] + own
