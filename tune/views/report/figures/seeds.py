"""Figures about seeds: losses by seed, learning curves, the gap to the training loss, unrest at the end."""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite

import numpy as np

from tune.scoring.measured import interval_of
from tune.scoring.score import stability
from tune.scoring.standings import Standing
from tune.views import wording
from tune.views.report.blocks import Figure, Table
from tune.views.report.figures.axes import (
    TABLE_ROWS,
    TOP,
    Omitted,
    axis_of,
    baseline_rule,
    beyond,
    rung_name,
    seen,
    trials_shown,
)
from tune.views.report.marks import RANKED, Axis, Colour, Line, Mark, Marker, Panel, Points
from tune.views.results import Results

_WINNER, _OTHERS, _FAILED = "winner's seeds", "other trials' seeds", "failed seed"
_SHARE, _FEWEST, _MOST = 5, 5, 100


def loss_by_seed(results: Results) -> Figure | Omitted:
    """Every seed of the best trials, the baseline beside them."""
    title, metric = "Loss by seed", results.study.score.metric
    trials = seen(results)[:TOP]
    if not trials:
        return Omitted(title, "no trial has reached a rung")
    losses = [loss for one in trials for loss in one.losses.values()]
    bounded = [*losses, *([results.baseline] if isfinite(results.baseline) else [])]
    marks = _by_seed(results, trials, lambda one: one.losses, beyond(bounded))
    middles = [(place + 0.32, one, *_mean_interval(results, one)) for place, one in enumerate(trials)]
    middles = [middle for middle in middles if isfinite(middle[2])]
    marks.append(
        Points(
            "mean, 95% interval",
            [mean for _, _, mean, _, _ in middles],
            [y for y, *_ in middles],
            "ink",
            "diamond",
            [f"{wording.called(one.trial)}: mean {wording.number(mean)}" for _, one, mean, _, _ in middles],
            4.5,
            low=[low for *_, low, _ in middles],
            high=[high for *_, high in middles],
        )
    )
    marks += baseline_rule(results, "x")
    failed = sum(results.scale.failed(loss) for loss in losses)
    best = trials[0]
    return Figure(
        key="seeds",
        title=title,
        caption=(
            f"Each mark is one seed of one of the best {len(trials)} trials, best first. Trials of different rungs "
            "(right of the name) are not comparable. The mean is over the seeds that did not fail. A seed whose loss "
            "is not finite stands at the right end."
        ),
        alt=(
            f"Strip plot of {metric} for {wording.count(len(trials), 'trial')}. The seeds of the best, trial "
            f"{best.number}, lie between {_range(best.losses.values())}. {wording.count(failed, 'seed')} of "
            f"{len(losses)} failed."
        ),
        panels=[Panel("", axis_of(metric, bounded), _trial_axis(results, trials), marks)],
        data=_seed_table(results, trials, lambda one: one.losses, metric),
        height=0.9 + 0.3 * len(trials),
        columns=1,
    )


def gap(results: Results) -> Figure | Omitted:
    """Training against validation loss at the end of every run."""
    title, metric = "Gap between training and validation", results.study.score.metric
    trials, left_out = trials_shown(results)
    numbers = {one.number: place for place, one in enumerate(trials)}
    runs = [run for run in results.runs if run.trial in numbers and isfinite(run.train_loss) and run.train_loss > 0]
    if not runs:
        return Omitted(title, "the trainer tells no train_loss")
    first = trials[0].number
    top = beyond([*(run.loss for run in runs), *([results.baseline] if isfinite(results.baseline) else [])])
    groups = {
        _OTHERS: [run for run in runs if run.trial != first and not run.failed],
        _WINNER: [run for run in runs if run.trial == first and not run.failed],
        _FAILED: [run for run in runs if run.failed],
    }
    marks: list[Mark] = []
    for name, members in groups.items():
        if members:
            colour, marker = _LOOKS[name]
            texts = [
                f"{wording.called(results.ledger.trials[run.trial])}, seed {run.seed}: "
                f"train {wording.number(run.train_loss)}, {metric} {wording.number(run.loss)}"
                for run in members
            ]
            heights = [run.loss if isfinite(run.loss) else top for run in members]
            marks.append(Points(name, [run.train_loss for run in members], heights, colour, marker, texts, 5))
    ends = [min(run.train_loss for run in runs), max(run.train_loss for run in runs)]
    marks.append(Line("equal losses", ends, ends, "grey", 1.0))
    marks += baseline_rule(results, "y")
    rows = [
        [str(run.trial), str(run.seed), wording.number(run.train_loss), wording.number(run.loss)]
        for run in sorted(runs, key=lambda run: (numbers[run.trial], run.seed))[:TABLE_ROWS]
    ]
    return Figure(
        key="gap",
        title=title,
        caption=(
            "Each mark is one run at its last epoch. On the line both losses are equal; far above it a run looks right "
            f"in training and is wrong on what it has not seen.{left_out}"
        ),
        alt=f"Training loss against {metric} of {wording.count(len(runs), 'run')}, {len(groups[_FAILED])} failed.",
        panels=[
            Panel(
                "",
                axis_of("train_loss", [run.train_loss for run in runs]),
                axis_of(metric, [run.loss for run in runs if isfinite(run.loss)]),
                marks,
            )
        ],
        data=Table(["trial", "seed", "train_loss", metric], rows, caption=f"{title}, best trials first"),
        height=3.6,
        columns=1,
    )


def unrest(results: Results) -> Figure | Omitted:
    """How much the scored metric moves over the last epochs of each run."""
    title, metric = "Stability in the last epochs", results.study.score.metric
    trials = [one for one in seen(results)[:TOP] if one.epochs > 1]
    if not trials:
        return Omitted(title, "no trial has trained two epochs to a rung")
    found = {one.number: unrest_of(results, one) for one in trials}
    values = [value for by_seed in found.values() for value in by_seed.values()]
    if not any(isfinite(value) and value > 0 for value in values):
        return Omitted(title, "no run has two finite losses at its end")
    marks = _by_seed(results, trials, lambda one: found[one.number], beyond(values))
    return Figure(
        key="stability",
        title=title,
        caption=(
            f"Standard deviation (ddof = 1) of {metric} over the last epochs of each seed: the last fifth, at least "
            f"{_FEWEST} and at most {_MOST} epochs. It holds what is still learned as well as what jumps."
        ),
        alt=(
            f"Strip plot of the standard deviation over the last epochs for {wording.count(len(trials), 'trial')}; "
            f"the best, {wording.called(trials[0].trial)}, lies between {_range(found[trials[0].number].values())}."
        ),
        panels=[
            Panel("", axis_of(f"sd of {metric}, last epochs", values), _trial_axis(results, trials), marks),
        ],
        data=_seed_table(results, trials, lambda one: found[one.number], "standard deviation"),
        height=0.9 + 0.26 * len(trials),
        columns=1,
    )


def unrest_of(results: Results, one: Standing) -> dict[int, float]:
    """Returns by seed the standard deviation of a trial's scored metric over its last epochs."""
    last = min(_MOST, max(_FEWEST, one.epochs // _SHARE))
    return {seed: stability(results.ledger.known(one.number, seed, one.epochs), last) for seed in one.losses}


def _by_seed(
    results: Results, trials: Sequence[Standing], values_of: Callable[[Standing], Mapping[int, float]], end: float
) -> list[Mark]:
    """Returns a row of marks for each trial; what is not finite stands at the end."""
    groups: dict[str, list[tuple[float, float, str]]] = {_OTHERS: [], _WINNER: [], _FAILED: []}
    for place, one in enumerate(trials):
        for seed, value in values_of(one).items():
            failed = results.scale.failed(one.losses[seed])
            name = _FAILED if failed else _WINNER if place == 0 else _OTHERS
            text = f"{wording.called(one.trial)}, seed {seed}: {wording.number(value)}{', failed' if failed else ''}"
            groups[name].append((value if isfinite(value) else end, float(place), text))
    return [
        Points(name, [x for x, _, _ in found], [y for _, y, _ in found], *_LOOKS[name], [text for *_, text in found])
        for name, found in groups.items()
        if found
    ]


_LOOKS: dict[str, tuple[Colour, Marker]] = {
    _WINNER: (RANKED[0], "circle"),
    _OTHERS: ("grey", "circle"),
    _FAILED: ("vermillion", "cross"),
}


def _trial_axis(results: Results, trials: Sequence[Standing]) -> Axis:
    names = [f"{wording.called(one.trial, 36)} · {rung_name(results, one.rung)}" for one in trials]
    return Axis("", ticks=names, reverse=True)


def _seed_table(
    results: Results, trials: Sequence[Standing], values_of: Callable[[Standing], Mapping[int, float]], name: str
) -> Table:
    seeds = [seed for seed in results.study.seeds if any(seed in values_of(one) for one in trials)]
    rows = [[str(one.number), *(wording.number(values_of(one).get(seed)) for seed in seeds)] for one in trials]
    return Table(["trial", *(f"seed {seed}" for seed in seeds)], rows, caption=f"{name} by trial and seed")


def _mean_interval(results: Results, one: Standing) -> tuple[float, float, float]:
    alive = [loss for loss in one.losses.values() if not results.scale.failed(loss)]
    if not alive:
        return float("nan"), float("nan"), float("nan")
    return float(np.mean(alive)), *interval_of(alive, results.scale, results.study.score)


def _range(values: object) -> str:
    known = [value for value in values if isfinite(value)]  # type: ignore[attr-defined]
    return f"{wording.number(min(known))} and {wording.number(max(known))}" if known else "no finite values"
