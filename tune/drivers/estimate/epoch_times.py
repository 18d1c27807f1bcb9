"""How long an epoch takes, by setting and number of seeds side by side, from a few short trainings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, hypot, log
from statistics import fmean, median, pstdev
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tune.drivers.estimate.features import Features, Shape
from tune.optimizer.suggest import derived_seed
from tune.scoring.check.measured import Probed
from tune.study.study import Study

_LEVEL_SD = 10.0  # of the logarithm of seconds: nothing is known before
_EXPONENT = {"function": (1.0, 0.05), "class": (0.6, 0.4), "program": (0.5, 0.4)}
"""Mean and standard deviation of the exponent of the number of seeds where no probe tells it: the seeds of a function
train one after the other, those of a class as one larger batch, those of a program as processes of their own."""
_PROCESS_SD = 0.05  # from one process to the next, at least
_SETTING_SD = 0.08  # of what effects that add up leave out, at least
_DRIFT_SD = 0.10
"""From the probes to the study, at least; more where epochs or repeats of a probe differ more among themselves: what
disturbs a machine for seconds disturbs it for minutes as well."""
_FLOOR_S = 1e-6

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Training:
    """What a probe says of time.

    Attributes:
        parameters: Its setting.
        seeds: How many trained side by side.
        node: On which type of node.
        epoch_s: Mean of its epochs without the first.
        cpu_s: CPU-seconds of one of these.
        spread: Standard deviation of these epochs over their mean; 0 where there is one.
        epochs: How many they are.
        start_s: Seconds until training began.
        excess_s: How much longer its first epoch took.
        evaluation_s: Of the evaluation.
    """

    parameters: Mapping[str, Any]
    seeds: int
    node: str
    epoch_s: float
    cpu_s: float
    spread: float
    epochs: int
    start_s: float
    excess_s: float
    evaluation_s: float

    @classmethod
    def of(cls, probe: Probed) -> Self:
        """Returns what a probe with an epoch says."""
        steady, first = [one.seconds for one in probe.steady], probe.epochs[0].seconds
        mean = max(fmean(steady), _FLOOR_S)
        return cls(
            probe.parameters,
            len(probe.seeds),
            probe.node,
            mean,
            fmean(one.cpu_seconds for one in probe.steady),
            pstdev(steady) / mean if len(steady) > 1 else 0.0,
            len(steady),
            probe.start_s,
            max(0.0, first - median(steady)),
            probe.evaluation_s,
        )


@dataclass(frozen=True)
class EpochTimes:
    """Seconds per epoch as a function of setting and seeds, with what is not known of it.

    The logarithm of seconds is a level, plus an effect of each parameter that was moved away from the middle, plus an
    exponent times the logarithm of the number of seeds. Effects grow from the middle to the ends of the parameter's own
    scale; how they bend between was not measured and is drawn (`tune.drivers.estimate.features`). The fit is Bayesian
    linear regression with normal priors, so that what no probe tells stays as wide as its prior (Gelman et al. 2013,
    "Bayesian Data Analysis", 3rd ed., section 14.8).

    Attributes:
        features: Of a setting.
        mean, covariance: Of the coefficients: level, exponent, then as `Features.row`; `[C]` and `[C, C]`.
        spread: Of an epoch, from one to the next, as a share.
        setting_sd: Of the logarithm of seconds of one setting, beside what its effects say.
        drift_sd: Of the logarithm of seconds of all: the machine is another when the study runs than it was.
        start_s: Until a process begins to train.
        excess_s: How much longer the first epoch of a process takes: of one seed, and what each further one adds.
        evaluation: Seconds of an evaluation over those of an epoch of the same setting and seeds.
        cpu_share: CPU-seconds of one seed's epoch over the seconds of an epoch of it alone.
        middle: The setting in the middle.
        nodes: The types of node that were probed.
    """

    features: Features
    mean: Values
    covariance: Values
    spread: float
    setting_sd: float
    drift_sd: float
    start_s: float
    excess_s: tuple[float, float]
    evaluation: float
    cpu_share: float
    middle: Mapping[str, Any]
    nodes: Sequence[str]

    @classmethod
    def fit(cls, study: Study, probes: Sequence[Probed]) -> Self:
        """Returns the model of a study's probes.

        Args:
            study: Its space and what trains.
            probes: Those that died tell of the epochs before.

        Raises:
            ValueError: If no probe has trained an epoch.
        """
        trainings = [Training.of(probe) for probe in probes if probe.epochs]
        if not trainings:
            raise ValueError("no short training came to the end of an epoch, so nothing is known of its time")
        middle = next((one.parameters for one in probes if one.purpose not in ("corner", "rate")), {})
        nodes = sorted({one.node for one in trainings})
        features = Features.of(study.space, middle or trainings[0].parameters, trainings, nodes)
        spread = median(one.spread for one in trainings)
        process_sd = max(_PROCESS_SD, _repeats_sd(trainings))
        rows = np.array(
            [[1.0, log(one.seeds), *features.row(one.parameters, one.node, features.straight)] for one in trainings]
        )
        noise = np.array([hypot(process_sd, max(one.spread, spread) / one.epochs**0.5) for one in trainings])
        seconds = np.log([one.epoch_s for one in trainings])
        prior = _EXPONENT["program" if study.program else "function" if study.function else "class"]
        means = np.array([0.0, prior[0], *np.zeros(len(features.sds))])
        sds = np.array([_LEVEL_SD, prior[1], *features.sds])
        mean, covariance = _posterior(rows, seconds, noise, means, sds)
        off = float(np.sqrt(np.mean((seconds - rows @ mean) ** 2)))
        most = max(trainings, key=lambda one: one.seeds)
        alone = log(most.epoch_s) - float(mean[1]) * log(most.seeds)
        return cls(
            *(features, mean, covariance, spread, max(_SETTING_SD, off), max(_DRIFT_SD, process_sd, spread)),
            start_s=median(one.start_s for one in trainings),
            excess_s=_excess_s(trainings),
            evaluation=median(one.evaluation_s / one.epoch_s for one in trainings),
            cpu_share=most.cpu_s / most.seeds / exp(alone),
            middle=features.middle,
            nodes=nodes,
        )

    def draw(self, rng: np.random.Generator) -> "DrawnTimes":
        """Returns the times as they may be, with all that is not known decided by chance."""
        coefficients = rng.multivariate_normal(self.mean, self.covariance, method="svd")
        return DrawnTimes(
            *(self, coefficients, self.features.bent(rng), float(np.exp(rng.normal(0, self.drift_sd)))),
            seed=int(rng.integers(2**32)),
        )

    def typical(self) -> "DrawnTimes":
        """Returns the most likely times, without chance."""
        return DrawnTimes(self, self.mean, self.features.straight, 1.0, None)


@dataclass(frozen=True)
class DrawnTimes:
    """One possibility for how long epochs take.

    Attributes:
        model: What it was drawn from.
        coefficients: As `EpochTimes.mean`.
        shape: How effects bend between the middle and the ends.
        drift: What all seconds are multiplied by.
        seed: Of what settings have of their own; None: nothing.
    """

    model: EpochTimes
    coefficients: Values
    shape: Shape
    drift: float
    seed: int | None

    def seconds(self, parameters: Mapping[str, Any], seeds: int, node: str | None = None) -> float:
        """Returns the mean seconds of an epoch.

        Args:
            parameters: The setting, without fixed values.
            seeds: How many train side by side, 1 or more.
            node: The type of node; None: the first that was probed.
        """
        node = self.model.nodes[0] if node is None else node
        row = [1.0, log(seeds), *self.model.features.row(parameters, node, self.shape)]
        own = 0.0
        if self.seed is not None:
            key = derived_seed(self.seed, repr(sorted(parameters.items())))
            own = float(np.random.default_rng(key).normal(0, self.model.setting_sd))
        return self.drift * exp(float(np.dot(row, self.coefficients)) + own)

    def excess_s(self, seeds: int) -> float:
        """Returns how much longer the first epoch of a process takes in which so many seeds train."""
        alone, each = self.model.excess_s
        return self.drift * (alone + each * (seeds - 1))

    def cpu_seconds(self, parameters: Mapping[str, Any], seeds: int, node: str | None = None) -> float:
        """Returns the CPU-seconds of an epoch: each seed's are as many, whether or not they train side by side."""
        return self.model.cpu_share * seeds * self.seconds(parameters, 1, node)


def _posterior(rows: Values, values: Values, noise: Values, means: Values, sds: Values) -> tuple[Values, Values]:
    """Returns mean and covariance of coefficients with independent normal priors, given values with known noise."""
    weighted = rows / noise[:, None] ** 2
    covariance = np.linalg.inv(rows.T @ weighted + np.diag(sds**-2))
    covariance = (covariance + covariance.T) / 2
    return covariance @ (weighted.T @ values + means / sds**2), covariance


def _excess_s(trainings: Sequence[Training]) -> tuple[float, float]:
    """Returns the excess of a first epoch with one seed, and what each further one adds: a program starts for each."""
    by_seeds: dict[int, list[float]] = {}
    for one in trainings:
        by_seeds.setdefault(one.seeds, []).append(one.excess_s)
    few, many = min(by_seeds), max(by_seeds)
    least, most = median(by_seeds[few]), median(by_seeds[many])
    each = max(0.0, most - least) / (many - few) if many > few else 0.0
    return max(0.0, least - each * (few - 1)), each


def _repeats_sd(trainings: Sequence[Training]) -> float:
    """Returns how far trainings of one setting and as many seeds lie apart: the pooled deviation of logarithms."""
    alike: dict[str, list[float]] = {}
    for one in trainings:
        alike.setdefault(repr((sorted(one.parameters.items()), one.seeds, one.node)), []).append(log(one.epoch_s))
    groups = [group for group in alike.values() if len(group) > 1]
    freedom = sum(len(group) - 1 for group in groups)
    squares = sum((value - fmean(group)) ** 2 for group in groups for value in group)
    return float((squares / freedom) ** 0.5) if freedom else 0.0
