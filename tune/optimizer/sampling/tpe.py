"""TPE where parameters may exist under conditions."""

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState


class Tpe(TPESampler):
    """TPE over groups of parameters that exist together; Optuna's looks in every trial, each time, which they are.

    A group is modelled from the trials that have it; without conditions there is one, and all have it.

    Args:
        best: How many trials are counted among the best: of all, though not all may be shown.
        groups: Names of the parameters of each group.
        **given: Of `TPESampler`.
    """

    def __init__(self, best: int, groups: Sequence[Sequence[str]], **given: Any) -> None:
        super().__init__(**given)
        self._groups = groups
        self._gamma = lambda _: best  # the argument of that name is deprecated, without another in its place

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002 - Optuna's
        """Returns the parameters that vary, by name, of those that some trial with a result has."""
        seen = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        found: dict[str, BaseDistribution] = {}
        for group in self._groups:
            first = next((trial.distributions for trial in seen if group[0] in trial.distributions), {})
            found |= {name: first[name] for name in group if name in first and not first[name].single()}
        return dict(sorted(found.items()))

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Returns values of these parameters, those of each group from a model of its own."""
        values: dict[str, Any] = {}
        for group in self._groups:
            members = {name: one for name, one in search_space.items() if name in group}
            values |= self._sample_relative(study, trial, members)
        return values
