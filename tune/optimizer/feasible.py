"""The next trial, of which the study's constraints and the trainer have been asked whether it can be trained at all.

A suggestion that they refuse costs nothing but another draw. It is kept with the trial that was drawn in its place, so
the sampler is shown it as infeasible from then on, and a study that is continued draws the same again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tune.ledger.loss_scale import UNSCALED, LossScale
from tune.ledger.records import Trial
from tune.optimizer.observations import Observations
from tune.optimizer.suggest import suggest
from tune.study.settings.constraints import violated
from tune.study.study import Study
from tune.trainer import ConfigCheck

MOST_DRAWS = 1000
"""A space of which less than about one setting in so many can be trained counts as used up; a grid is walked whole."""


@dataclass(frozen=True)
class Suggestion:
    """A trial to be started.

    Attributes:
        parameters: Value by name.
        reason: Why these.
        refused: Those that `where` or the trainer refused on the way, in order.
    """

    parameters: Mapping[str, Any]
    reason: str
    refused: Sequence[Mapping[str, Any]] = field(default=())

    @property
    def detail(self) -> Mapping[str, Any]:
        """What is kept in the decision that starts it."""
        parameters = {"parameters": dict(self.parameters)}
        return {**parameters, "refused": [dict(one) for one in self.refused]} if self.refused else parameters


def suggest_feasible(
    study: Study,
    trials: Sequence[Trial],
    scale: LossScale = UNSCALED,
    observations: Observations | None = None,
    check: ConfigCheck = lambda _: {},
) -> Suggestion | None:
    """Returns the next trial; None when the space is used up.

    Args:
        study: Space, method and seed.
        trials: Every trial so far.
        scale: Says what a failed seed is.
        observations: What has been kept up of these trials; None: it is made here.
        check: Says what the trainer has against a configuration.
    """
    refused: list[Mapping[str, Any]] = []
    why = ""
    who: dict[str, None] = {}
    while len(refused) < MOST_DRAWS or study.search.method == "grid":
        drawn = suggest(study, trials, scale, observations, refused)
        if drawn is None:
            return None
        parameters, reason = drawn
        configuration = {**study.fixed, **parameters}
        broken = violated(study.where, configuration)
        mistakes = broken or check(configuration)
        if not mistakes:
            count = f"{len(refused)} setting{'s' if len(refused) != 1 else ''}"
            told = f"; instead of {count} that {' or '.join(who)} refused, such as for {why}" if refused else ""
            return Suggestion(parameters, f"{reason}{told}", refused)
        who["`where`" if broken else "the trainer"] = None
        why = why or "; ".join(f"{key}: {message}" for key, message in mistakes.items())
        refused.append(parameters)
    return None
