"""Runs side by side: what differs between them, how each went, and what cannot be told apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from tune.errors import UserMistake, did_you_mean
from tune.ledger.imports.names import best_known, looks_maximized, named, role
from tune.ledger.imports.run import ImportedRun
from tune.ledger.loss_scale import LossScale
from tune.scoring.comparison.column import Asked, Column, column_of
from tune.scoring.comparison.sides import MOST_SIDES, Side, sides_of
from tune.scoring.confounding import Confounding, Further, confounding, separating_runs
from tune.study.values import frozen

MOST_LAST = 100
_MOST_SHOWN = 8


@dataclass(frozen=True)
class Question:
    """What is to be compared.

    Attributes:
        metric: None: what the sources score, else the one loss or accuracy that all have.
        maximize: Whether higher values of it are better; None: as the sources say, else by its name.
        below: How many epochs it takes to come to this value or a better one; None: not asked.
        at: After which epochs values are shown, from 1; None: after the first, and at the end of each side.
        last: Over how many epochs at the end its spread is taken; None: 100, at most the later half of the shortest.
    """

    metric: str | None = None
    maximize: bool | None = None
    below: float | None = None
    at: tuple[int, ...] | None = None
    last: int | None = None


@dataclass(frozen=True)
class Comparison:
    """Sides beside each other.

    Attributes:
        metric: What is compared.
        maximize: Whether higher values of it are better.
        question: As it was asked.
        last: Over how many epochs at the end the spread is; 0 where no curve is told.
        factors: Of each side, all that may be why it went as it did; what means the same has one name in all.
        differing: What differs between the sides, by name, in their order; None where a side does not tell it.
        columns: One per side, in the order asked for.
        confounding: Which of what differs cannot be told apart.
        further: The fewest further runs that would separate it, each the first side but for one value.
    """

    metric: str
    maximize: bool
    question: Question
    last: int
    factors: tuple[Mapping[str, Any], ...]
    differing: Mapping[str, tuple[Any, ...]]
    columns: tuple[Column, ...]
    confounding: Confounding
    further: tuple[Further, ...]

    @property
    def axis(self) -> str:
        """What the curves are by: epoch, or step where some source counts steps."""
        return "step" if any(column.side.axis == "step" for column in self.columns) else "epoch"


def compare_runs(runs: Sequence[ImportedRun], question: Question) -> Comparison:
    """Sets runs side by side; each side is compared with the first.

    Args:
        runs: Of any sources.
        question: What is compared.

    Raises:
        UserMistake: If they are fewer than two sides, or too many, have no metric in common, or not so many epochs.
    """
    if question.below is not None and not isfinite(question.below):
        raise UserMistake(f"--below: a number is wanted, got {question.below}")
    sides = sides_of(runs)
    if len(sides) < 2:
        got = f"got {sides[0].name} alone" if sides else "got none"
        raise UserMistake(f"compare needs two or more different runs, {got}; seeds of one configuration are one side")
    if len(sides) > MOST_SIDES:
        raise UserMistake(f"{len(sides):,} runs are too many to see; at most {MOST_SIDES}: choose by SOURCE/NAME")
    metric = _metric(sides, question.metric)
    maximize = _maximize(sides, metric, question.maximize)
    baselines = {run.baseline for run in runs} if role(metric) in {role(run.metric or "") for run in runs} else {None}
    scale = LossScale(maximize, baselines.pop() if len(baselines) == 1 else None)
    placed = all(side.runs[0].surroundings for side in sides)
    at, last = _epochs(sides, metric, question.at), _last(sides, metric, question.last)
    factors = _aligned([side.factors if placed else side.settings for side in sides])
    unset = [name for side in sides for name in side.runs[0].surroundings]
    return Comparison(
        metric,
        maximize,
        question,
        last,
        tuple(factors),
        _differing(factors),
        tuple(column_of(side, sides[0], metric, scale, Asked(at, last, question.below)) for side in sides),
        confounding(factors),
        separating_runs(factors, last=unset),
    )


def _metric(sides: Sequence[Side], asked: str | None) -> str:
    there = [list(dict.fromkeys(name for run in side.runs for name in run.metrics)) for side in sides]
    if asked is not None:
        for side, names in zip(sides, there, strict=True):
            if named(dict.fromkeys(names, True), asked) is None:
                raise UserMistake(f"{side.name}: tells no metric {asked!r}{did_you_mean(asked, names)}")
        return asked
    roles = [{role(name) for name in names} for names in there]
    shared = [name for name in there[0] if all(role(name) in one for one in roles)]
    scored = [run.metric for side in sides for run in side.runs if run.metric is not None]
    for name in scored:
        if all(role(name) in one for one in roles):
            return name
    found = best_known(shared)
    if found is not None:
        return found
    told = "; ".join(f"{side.name}: {', '.join(names) or 'none'}" for side, names in zip(sides, there, strict=True))
    if shared:
        raise UserMistake(f"which metric to compare cannot be told; say it with --metric: {', '.join(shared):.300}")
    raise UserMistake(f"the runs have no metric in common, so nothing can be compared; they tell: {told:.600}")


def _maximize(sides: Sequence[Side], metric: str, asked: bool | None) -> bool:
    if asked is not None:
        return asked
    runs = [run for side in sides for run in side.runs]
    said = {run.maximize for run in runs if run.metric is not None and role(run.metric) == role(metric)} - {None}
    if len(said) > 1:
        raise UserMistake(f"sources differ in whether higher values of {metric} are better; say it with --direction")
    return bool(said.pop()) if said else looks_maximized(metric)


def _lengths(side: Side, metric: str) -> list[int]:
    return [max(curve) for run in side.runs if (curve := run.curve(metric))]


def _epochs(sides: Sequence[Side], metric: str, asked: tuple[int, ...] | None) -> tuple[int, ...]:
    lengths = [length for side in sides for length in _lengths(side, metric)]
    longest = max(lengths, default=0)
    if asked is None and not longest:
        return ()
    if asked is None:
        ends = {max(_lengths(side, metric), default=0) for side in sides} - {0}
        begins = [min(curve) for side in sides for run in side.runs if (curve := run.curve(metric))]
        rungs = {epoch for side in sides for epoch in side.runs[0].study.get("rungs", ()) if epoch <= longest}
        shown = {*(rungs or begins[:1]), *ends}
        return tuple(sorted(shown)) if len(shown) <= _MOST_SHOWN else (min(shown), max(shown))
    wrong = [epoch for epoch in asked if not 1 <= epoch <= longest]
    if wrong or not asked:
        got = f"got {wrong[0]}" if wrong else "none is given"
        have = f"1 to {longest} have been trained by some run" if longest else f"no run tells a curve of {metric}"
        raise UserMistake(f"--at: {have}; {got}")
    return tuple(sorted(set(asked)))


def _last(sides: Sequence[Side], metric: str, asked: int | None) -> int:
    shortest = min((len(curve) for side in sides for run in side.runs if (curve := run.curve(metric))), default=0)
    if asked is not None and asked < 2:
        raise UserMistake(f"--last: the spread is of at least the last 2 epochs, got {asked}")
    if asked is not None:
        return min(shortest, asked)
    return 0 if shortest < 4 else min(MOST_LAST, shortest // 2)


def _aligned(factors: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns factors in which what means the same has the name that the first side gives it: `lr`, `learning_rate`."""
    names = list(dict.fromkeys(name for one in factors for name in one))
    both = {role(name) for one in factors for name in one if sum(role(other) == role(name) for other in one) > 1}
    called: dict[str, str] = {}
    for name in names:
        if role(name) not in both:
            called.setdefault(role(name), name)
    return [{called.get(role(name), name): value for name, value in one.items()} for one in factors]


def _differing(factors: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    names = dict.fromkeys(name for one in factors for name in one)
    return {
        name: tuple(one.get(name) for one in factors)
        for name in names
        if len({(name in one, isinstance(one.get(name), bool), frozen(one.get(name))) for one in factors}) > 1
    }
