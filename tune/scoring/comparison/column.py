"""How one side of a comparison went: the course of its curves, its end, what it cost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from statistics import fmean

from tune.ledger.imports.names import named, role
from tune.ledger.imports.run import ImportedRun
from tune.ledger.loss_scale import LossScale
from tune.scoring.comparison.differences import Apart, apart, by_seed_at
from tune.scoring.comparison.sides import Side
from tune.scoring.effects.course import epochs_to_share_of_drop, first_below, gap_percent, spread_of_last

DROP_SHARE = 0.9


@dataclass(frozen=True)
class Column:
    """How one side went. What is by seed is by place, from 1, where the runs have no seeds.

    Attributes:
        side: Its runs.
        values: The metric by epoch and then by seed.
        learning_rates: By epoch, mean over the runs: as the trainer told it after that epoch; empty where it does not.
        finals: Every loss and the metric at the end of the runs, by name and then by seed.
        below: Epochs to the threshold, by seed; nan where it is not reached.
        drop: Epochs to 90 % of the final drop, by seed; nan where it got no better.
        gap_percent: By how much validation is above training at the end, by seed.
        spread_range: Range of the metric over the last epochs, mean over the runs; nan where unknown.
        spread_sd: Its standard deviation over them, mean over the runs.
        gradient_norms: Mean over the epochs, by seed; empty where the trainer tells none.
        parameters: How many the model has; nan where it is not told.
        samples_per_second: Of one run, mean over the epochs; nan where it is not told.
        epochs_per_second: Of all its runs together; nan where no time or no epochs are told.
        seconds: Of all its runs together; nan where it is not told.
        gpu_hours: The same of GPUs.
        apart: Its difference from the first side; None for that itself, and where they have no epoch in common.
        failed: Seeds that diverged, or ended no better than the baseline where there is one.
    """

    side: Side
    values: Mapping[int, Mapping[int, float]]
    learning_rates: Mapping[int, float]
    finals: Mapping[str, Mapping[int, float]]
    below: Mapping[int, float]
    drop: Mapping[int, float]
    gap_percent: Mapping[int, float]
    spread_range: float
    spread_sd: float
    gradient_norms: Mapping[int, float]
    parameters: float
    samples_per_second: float
    epochs_per_second: float
    seconds: float
    gpu_hours: float
    apart: Apart | None
    failed: tuple[int, ...]


@dataclass(frozen=True)
class Asked:
    """What is asked of a side: values after which epochs, spread over how many at the end, epochs to which value."""

    at: tuple[int, ...]
    last: int
    below: float | None


def column_of(side: Side, first: Side, metric: str, scale: LossScale, asked: Asked) -> Column:
    """Returns how a side went.

    Args:
        side: Its runs.
        first: The side that it is compared with; may be itself.
        metric: What is compared.
        scale: What makes losses of its values.
        asked: What is asked of it.
    """
    curves = [list(run.curve(metric).values()) for run in side.runs if run.curve(metric)]
    spreads = [spread_of_last(curve, asked.last) for curve in curves] if asked.last else []
    seconds = _sum(run.seconds for run in side.runs)
    epochs = sum(run.epochs or 0 for run in side.runs) if all(run.axis == "epoch" for run in side.runs) else 0
    return Column(
        side=side,
        values={epoch: by_seed_at(side, metric, epoch) for epoch in asked.at},
        learning_rates=_learning_rates(side, asked.at),
        finals={name: side.by_seed(lambda run, name=name: run.final(name)) for name in _losses(side, metric)},  # type: ignore[misc]
        below=side.by_seed(lambda run: _reached(run, metric, asked.below, scale)) if asked.below is not None else {},
        drop=side.by_seed(lambda run: _reached(run, metric, None, scale)),
        gap_percent=side.by_seed(_gap),
        spread_range=_mean([spread.range for spread in spreads]),
        spread_sd=_mean([spread.sd for spread in spreads]),
        gradient_norms=side.by_seed(lambda run: _over_epochs(run, "grad_norm")),
        parameters=_mean([_parameters(run) for run in side.runs]),
        samples_per_second=_mean([_told(_over_epochs(run, "samples_per_second")) for run in side.runs]),
        epochs_per_second=epochs / seconds if epochs and seconds > 0 else nan,
        seconds=seconds,
        gpu_hours=_sum(run.gpu_seconds for run in side.runs) / 3600,
        apart=apart(first, side, metric, scale) if side is not first else None,
        failed=tuple(
            seed for seed, value in side.by_seed(lambda run: run.final(metric)).items() if scale.failed(value)
        ),
    )


def _reached(run: ImportedRun, metric: str, below: float | None, scale: LossScale) -> float | None:
    """Returns the epoch in which a threshold, or else 90 % of the final drop, was reached; nan where it was not."""
    curve = run.curve(metric)
    if not curve:
        return None
    epochs, values = list(curve), list(curve.values())
    if below is not None:
        place = first_below(values, below, scale.maximize)
    else:
        place = epochs_to_share_of_drop(values, DROP_SHARE, scale.maximize)
    return nan if place is None else float(epochs[place - 1])


def _learning_rates(side: Side, at: Sequence[int]) -> dict[int, float]:
    found = {}
    for epoch in at:
        told = [curve[epoch] for run in side.runs if epoch in (curve := run.curve("learning_rate"))]
        if told:
            found[epoch] = fmean(told)
    return found


def _losses(side: Side, metric: str) -> list[str]:
    """Returns the metrics whose end is shown: that which is compared, and losses beside it, by what they mean."""
    there = {role(name) for run in side.runs for name in run.metrics}
    beside = ("train_loss", "validation_loss", "test_loss")
    return [metric, *(name for name in beside if name in there and name != role(metric))]


def _gap(run: ImportedRun) -> float | None:
    """Returns the gap of validation from training loss at the last epoch in which both are known; nan where none is."""
    train, validation = run.curve("train_loss"), run.curve("validation_loss")
    shared = [epoch for epoch in train if epoch in validation]
    if shared:
        return gap_percent(train[max(shared)], validation[max(shared)])
    ends = run.final("train_loss"), run.final("validation_loss")
    return gap_percent(ends[0], ends[1]) if ends[0] is not None and ends[1] is not None else None


def _over_epochs(run: ImportedRun, metric: str) -> float | None:
    values = [value for value in run.curve(metric).values() if isfinite(value)]
    return fmean(values) if values else named(run.finals, metric)


def _parameters(run: ImportedRun) -> float:
    told = run.final("parameters")
    if told is None:
        given = named(run.configuration, "parameters")
        told = float(given) if isinstance(given, int | float) and not isinstance(given, bool) else None
    return _told(told)


def _told(value: float | None) -> float:
    return nan if value is None else value


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if isfinite(value)]
    return fmean(finite) if finite else nan


def _sum(values: Iterable[float | None]) -> float:
    told = list(values)
    known = [value for value in told if value is not None]
    return sum(known) if known and len(known) == len(told) else nan
