"""Losses for a study that is played: of trainings that might be those probed, drawn anew for each play.

What a study costs depends on what its losses are like only through who climbs, dies or races. Nobody knows that before,
so everything is drawn from wide priors: how much settings differ and in what, how much seeds do, how fast losses fall,
how often runs diverge or fail.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, inf, isfinite, nan
from statistics import fmean
from typing import Any, Self

import numpy as np

from tune.optimizer.suggest import derived_seed
from tune.scoring.check.measured import Probed
from tune.study.coordinates import positions, squared_distances
from tune.study.settings.conditions import completed
from tune.study.study import Study
from tune.study.values import frozen

_FAILS = (0.3, 3.0)
"""Counts of a beta distribution, beside those of the probes: how often a run fails; a tenth on average, often none."""
_LOWEST = 0.01  # of a metric that is minimised, in baselines: it may know no values below zero
_NEAR = 0.35  # of the distance on [0, 1] per parameter: within it settings die as a probe did


@dataclass(frozen=True)
class LossRange:
    """What probes tell of the scored metric.

    Attributes:
        baseline: Of the metric; None where the trainer has none.
        maximize: Whether higher values are better.
        first, last: Of the middle setting after the first epoch and the last, as losses in units of the baseline (1),
            or of the first epoch's where there is no baseline.
        epochs: Between them, and one.
        runs: How many were probed to the end.
        failed: How many of these failed.
        died: Settings of which the probe died.
        lived: Those of which it did not.
    """

    baseline: float | None
    maximize: bool
    first: float
    last: float
    epochs: int
    runs: int
    failed: int
    died: Sequence[Mapping[str, Any]]
    lived: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, study: Study, probes: Sequence[Probed]) -> Self:
        """Returns what the probes of a study tell."""
        rule = study.score
        said = next((one.baseline[rule.metric] for one in probes if rule.metric in one.baseline), None)
        baseline = said if rule.baseline is None else rule.baseline
        sign, unit = (-1 if rule.maximize else 1), abs(baseline or 1.0) or 1.0

        def loss(value: float | None) -> float:
            if value is None or not isfinite(value):
                return nan
            return 1 + sign * (value - (baseline or 0.0)) / unit

        ends, failed, runs = list[tuple[float, float, int]](), 0, 0
        for one in (probe for probe in probes if probe.epochs and not probe.died):
            curves = [[loss(value) for value in epoch.metrics.get(rule.metric, ())] for epoch in one.epochs]
            if not curves[0] or len(curves[0]) != len(curves[-1]):
                continue
            runs += len(curves[-1])
            failed += sum(not isfinite(last) or (baseline is not None and last >= 1) for last in curves[-1])
            ends += [(a, b, len(curves)) for a, b in zip(curves[0], curves[-1], strict=True) if isfinite(a + b)]
        first = fmean(one[0] for one in ends) if ends else 1.2
        last = fmean(one[1] for one in ends) if ends else 0.9
        if baseline is None:  # nothing fixes the scale, so the first epoch does
            first, last = 1.0, 1.0 if not first else min(1.0, max(0.01, 1 + (last - first) / (abs(first) or 1.0)))
        epochs = round(fmean(one[2] for one in ends)) if ends else 1
        died = [one.parameters for one in probes if one.died]
        lived = [one.parameters for one in probes if not one.died]
        return cls(baseline, rule.maximize, first, last, epochs, runs, failed, died, lived)


class DrawnLosses:
    """One possibility for what trainings come to.

    Args:
        study: The study.
        told: What probes tell.
        rng: Decides.
    """

    def __init__(self, study: Study, told: LossRange, rng: np.random.Generator) -> None:
        self._study, self._told, self._seed = study, told, int(rng.integers(2**32))
        names = list(study.space)
        weights = rng.exponential(1.0, len(names)) ** 2  # few parameters matter much
        self._weights = dict(zip(names, weights / weights.sum(), strict=True))
        self._best = dict(zip(names, rng.uniform(0, 1, len(names)), strict=True))
        self._between_settings = float(np.exp(rng.normal(np.log(0.4), 0.8)))
        self._between_seeds = float(np.exp(rng.normal(np.log(0.03), 1.0)))
        self._jitter = self._between_seeds * rng.uniform(0.1, 1.0)
        self._tau = max(told.epochs, study.top.epochs / 3) * float(np.exp(rng.normal(0, 0.7)))
        gained = max(told.first - told.last, 0.02 * abs(told.first))
        seen = 1 - exp(-(told.epochs - 1) / self._tau) if told.epochs > 1 else 0.5
        self._start = told.first
        self._floor = told.first - gained / max(seen, 0.1)
        self._fails = float(rng.beta(_FAILS[0] + told.failed, _FAILS[1] + told.runs - told.failed))
        self._diverges = float(rng.uniform())
        self._deadly = float(rng.uniform(0.5, 1.0)) if told.lived else 1.0

    def dies(self, parameters: Mapping[str, Any]) -> bool:
        """Says whether training a setting raises: where the nearest probe did, mostly."""
        if not self._told.died:
            return False
        space = self._study.space
        whole = [completed(space, parameters)]
        far = [
            float(squared_distances(space, whole, [completed(space, one) for one in side]).min()) if side else inf
            for side in (self._told.died, self._told.lived)
        ]
        near = far[0] < far[1] and (far[0] <= _NEAR**2 or far[1] == inf)
        return near and bool(self._rng(parameters, "dies").uniform() < self._deadly)

    def curve(self, parameters: Mapping[str, Any], seed: int, epochs: int) -> list[float]:
        """Returns the scored metric of a run by epoch, the same however far it is asked for."""
        rng, top = self._rng(parameters, seed), self._study.top.epochs
        own, fails, how, when = rng.normal(0, 1), rng.uniform(), rng.uniform(), rng.uniform()
        noise = rng.normal(0, self._jitter, max(top, epochs))[:epochs]
        gained = self._start - self._floor
        worse = gained * self._between_settings * self._distance(parameters)
        floor = self._floor + worse + abs(self._floor or 1.0) * self._between_seeds * own
        steps = np.arange(epochs)
        losses = floor + (self._start - floor) * np.exp(-steps / self._tau) + abs(self._floor or 1.0) * noise
        if not self._told.maximize:
            losses = np.maximum(losses, _LOWEST)
        if fails < self._fails:
            ill = steps >= when * top
            losses[ill] = nan if how < self._diverges else 1.3 + how
        return [self._value(float(loss)) for loss in losses]

    @property
    def baseline(self) -> dict[str, float]:
        """The constant model's metric; empty where there is none."""
        told = self._told.baseline
        return {} if told is None else {self._study.score.metric: told}

    def _value(self, loss: float) -> float:
        told = self._told
        base = told.baseline or 0.0
        return base + (-1 if told.maximize else 1) * (loss - 1) * (abs(base) or 1.0)

    def _distance(self, parameters: Mapping[str, Any]) -> float:
        """Returns how far a setting lies from the best, 0 to about 1."""
        total = 0.0
        for name, value in parameters.items():
            at = positions(self._study.space[name], [value])
            if at is None:
                apart = float(self._rng({name: frozen(value)}, "value").uniform())
            else:
                apart = (float(at[0]) - self._best[name]) ** 2
            total += self._weights[name] * apart
        return total

    def _rng(self, of: Mapping[str, Any], what: str | int) -> np.random.Generator:
        return np.random.default_rng(derived_seed(self._seed, repr(sorted(of.items(), key=str)), what))
