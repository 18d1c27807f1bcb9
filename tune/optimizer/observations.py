"""What a sampler is shown of the trials so far, kept up as they change, so that a suggestion costs no look at them all.

TPE compares the few best trials with all others. Of a study with more than 150 it is shown 150: every trial that it
would count among the best of all, those without a result, for they are in training, and of the others the newest,
which it gives the most weight anyway. So its best ones are the same as if it saw all, and a suggestion costs the same
at ten thousand trials as at a hundred and fifty. Up to 150 it sees all. Where more are in training at once they are
all shown, beside 100 with a result.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from heapq import merge
from itertools import islice
from math import inf
from statistics import fmean
from typing import Any

from optuna.distributions import BaseDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from tune.ledger.database.distributions import category, distribution
from tune.ledger.loss_scale import LossScale
from tune.ledger.records import Trial
from tune.study.space import Choice, Parameter, Uniform, ordered_values
from tune.study.study import Study
from tune.study.values import frozen, is_plain, text_of

SHOWN = 150
"""Trials that TPE is shown at most, unless so many have no result yet that fewer than `SEEN` would have one."""

SEEN = 100
"""Trials with a result that TPE is shown at least."""

INFEASIBLE = 25
"""Settings that a sampler is shown at most of those that the trainer refused; of those that died without a result as
many, where it does not see all trials. The newest."""

BEST = 25
"""Trials that TPE counts among the best, at most (`default_gamma` in Optuna)."""

Setting = frozenset[tuple[str, Any]]
"""The parameters of a trial, so that equal ones are found in a set."""

Rank = tuple[float, float, int]
"""Where TPE ranks a trial that has a result: its class, its value in it, its number; lower is better."""

_First = tuple[float, int]
"""Score at the first rung, and number."""


class ParameterAxis:
    """A parameter as a sampler sees it.

    Choices of numbers and values with a step between them have an order, so they are seen by their places in it; a
    list or a mapping is seen as its JSON.
    """

    def __init__(self, parameter: Parameter) -> None:
        stepped = list(parameter.values) if isinstance(parameter, Uniform) and parameter.values else None
        self._scale = stepped or ordered_values(parameter)
        values = parameter.values if isinstance(parameter, Choice) else ()
        self._structured = {text_of(value): value for value in values if not is_plain(value)}
        self.distribution: BaseDistribution = (
            distribution(parameter) if self._scale is None else IntDistribution(0, len(self._scale) - 1)
        )

    def place(self, value: Any) -> Any:
        """Returns what the sampler knows a value as."""
        return category(value) if self._scale is None else self._scale.index(value)

    def value(self, place: Any) -> Any:
        """Returns the value that the sampler means."""
        if self._scale is not None:
            return self._scale[place]
        return self._structured.get(place, place) if isinstance(place, str) else place


class Observations:
    """The trials of one study as its sampler sees them.

    How its state evolves: `follow(trial)` for every trial when it is made, and again whenever a decision has changed
    it → `shown()`. What is shown depends on the trials alone, and not on when they were followed.

    Args:
        study: Its space and what is protected in it.
        scale: Says what a failed seed is.

    Attributes:
        axes: The parameters.
        tried: The settings, as `setting_key` makes them comparable.
        scored: How many trials have a result.
        dead: The numbers of those that died before they had one.
        refused: The settings that the trainer refused, as trials that died, in the order in which they were drawn.
    """

    def __init__(self, study: Study, scale: LossScale) -> None:
        self.axes = {name: ParameterAxis(parameter) for name, parameter in study.space.items()}
        self.tried: set[Setting] = set()
        self.scored = 0
        self.dead: set[int] = set()
        self.refused: list[Trial] = []
        self._protected, self._scale = study.protected, scale
        self._trials: list[Trial] = []
        self._frozen: dict[int, FrozenTrial] = {}
        self._unseen: set[int] = set()  # without a result, and not failed
        self._ranks: dict[int, Rank] = {}
        self._levels: dict[float, list[Rank]] = {}  # by class, those of all that are seen beyond the first rung
        self._kinds: dict[tuple[Any, ...], list[_First]] = {}  # of all that came to the first rung
        self._stayed: dict[tuple[Any, ...], list[_First]] = {}  # of these, those ranked there
        self._first: dict[int, _First] = {}

    def follow(self, trial: Trial, penalty: float = 0.0) -> None:
        """Takes over how a trial stands now.

        Args:
            trial: The trial.
            penalty: What it is penalised at the first rung; see `FailureRisk.penalties_at`.
        """
        number = trial.number
        if number == len(self._trials):
            self._trials.append(trial)
            self.tried |= {setting_key(trial.parameters), *map(setting_key, trial.refused)}
            self.refused += [refused_trial(number, setting) for setting in trial.refused]
        self._frozen.pop(number, None)
        self._forget(trial)
        self._unseen.discard(number)
        self.dead.discard(number)
        if trial.reached:
            self._rank(trial, penalty)
        elif trial.ended is None:
            self._unseen.add(number)
        else:
            self.dead.add(number)

    def shown(self) -> list[FrozenTrial]:
        """Returns what TPE is to see, in the order of the numbers."""
        if len(self._trials) <= SHOWN:
            return [self._shown(trial) for trial in self._trials]
        chosen = set(islice(self._best(), BEST))
        most = max(SEEN, SHOWN - len(self._unseen))
        newest = (number for number in range(len(self._trials) - 1, -1, -1) if number in self._ranks)
        while len(chosen) < most and (number := next(newest, None)) is not None:
            chosen.add(number)
        chosen |= self._unseen | {*sorted(self.dead)[-INFEASIBLE:]}
        return [self._shown(self._trials[number]) for number in sorted(chosen)]

    def _kind(self, trial: Trial) -> tuple[Any, ...]:
        return tuple(frozen(trial.parameters.get(name)) for name in self._protected)

    def _rank(self, trial: Trial, penalty: float) -> None:
        last, number, kind = trial.last, trial.number, self._kind(trial)
        assert last is not None
        self.scored += 1
        if 0 in trial.reached:
            self._first[number] = trial.reached[0].score + penalty, number
            insort(self._kinds.setdefault(kind, []), self._first[number])
        failed = failure_rate(trial, self._scale)
        if failed > 0:
            place = inf, failed, number
        elif trial.confirmed:
            place = -inf, last.score, number
        else:
            place = -float(last.rung), last.score if last.rung else last.score + penalty, number
        self._ranks[number] = place
        if place[0] == 0:
            insort(self._stayed.setdefault(kind, []), place[1:])
        else:
            insort(self._levels.setdefault(place[0], []), place)

    def _forget(self, trial: Trial) -> None:
        """Takes a trial out of every order that it stands in."""
        place = self._ranks.pop(trial.number, None)
        if place is None:
            return
        self.scored -= 1
        kind, first = self._kind(trial), self._first.pop(trial.number, None)
        if first is not None:
            _remove(self._kinds[kind], first)
        if place[0] == 0:
            _remove(self._stayed[kind], place[1:])
        else:
            _remove(self._levels[place[0]], place)

    def _best(self) -> Iterable[int]:
        """Yields trials in the order in which TPE ranks them."""
        for level in sorted({*self._levels, 0.0}):
            if level == 0:
                kinds = (
                    [(self._share(kind, one), one[1]) for one in some[:BEST]] for kind, some in self._stayed.items()
                )
                yield from (number for _, number in merge(*kinds))
            else:
                yield from (number for _, _, number in self._levels[level])

    def _share(self, kind: tuple[Any, ...], first: _First) -> float:
        """Returns how a trial stands at the first rung among those of its kind, from 0 for the best to 1.

        A slow starter would else look bad to the sampler, which would not suggest its kind again.
        """
        return bisect_left(self._kinds[kind], first) / len(self._kinds[kind])

    def _shown(self, trial: Trial) -> FrozenTrial:
        frozen = self._frozen.get(trial.number)
        if frozen is None:
            frozen = self._frozen[trial.number] = freeze(trial, self.axes, self._scale)
        if trial.number in self._first:
            frozen.intermediate_values[0] = self._share(self._kind(trial), self._first[trial.number])
        return frozen


def setting_key(parameters: Mapping[str, Any]) -> Setting:
    """Returns what two equal settings have in common, to be found in a set."""
    return frozenset((name, frozen(value)) for name, value in parameters.items())


def refused_trial(number: int, parameters: Mapping[str, Any]) -> Trial:
    """Returns a setting that the trainer refused, as a trial that died.

    Args:
        number: Of the trial that was drawn in its place.
        parameters: The setting.
    """
    return Trial(number, parameters, ended="failed")


def freeze(trial: Trial, axes: Mapping[str, ParameterAxis], scale: LossScale) -> FrozenTrial:
    """Returns a trial as the sampler is to see it.

    A trial seen at an early rung is PRUNED there: TPE ranks those below every confirmed one, the higher rung first
    (`_split_trials` in Optuna), so a value from few epochs never competes with one from many. One that has no value
    yet is RUNNING, which TPE takes for bad, so that parallel suggestions do not collapse onto one point. One that
    fails on some seed is infeasible, unless it was only seen at the first rung, where a slow starter fails as well;
    one that died is as well, and PRUNED without a value.
    """
    if trial.confirmed:
        state = TrialState.COMPLETE
    else:
        state = TrialState.PRUNED if trial.reached or trial.ended else TrialState.RUNNING
    last = trial.last
    frozen = create_trial(
        state=state,
        params={name: axes[name].place(value) for name, value in trial.parameters.items()},
        distributions={name: axis.distribution for name, axis in axes.items() if name in trial.parameters},
        value=last.score if last is not None and trial.confirmed else None,
        intermediate_values={rung: reached.score for rung, reached in trial.reached.items()},
        constraints={"failure_rate": failure_rate(trial, scale)},
    )
    frozen.number = trial.number + 1  # the one to be suggested is number 0 of its own study
    return frozen


def failure_rate(trial: Trial, scale: LossScale) -> float:
    """Returns the share of seeds that fail, by which a sampler takes a trial for infeasible; 0 at the first rung.

    All of them where it died.
    """
    last = trial.last
    if trial.ended == "failed":
        return 1.0
    if last is None or (last.rung == 0 and not last.confirmed):
        return 0.0
    return fmean(map(scale.failed, last.losses.values()))


def _remove(order: list[Any], item: Any) -> None:
    order.pop(bisect_left(order, item))
