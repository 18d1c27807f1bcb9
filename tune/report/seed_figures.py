"""Figures about seeds: losses by seed, learning curves, the gap to the training loss, unrest at the end."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import isfinite

import numpy as np

from tune.report import wording
from tune.report.drawing import TABLE_ROWS, TOP, Omitted, axis_of, beyond, buckets, epoch_axis, rung_name, seen, shown
from tune.report.figure import RANKED, Axis, Band, Line, Mark, Panel, Points, Rule
from tune.report.model import Figure, Table
from tune.report.results import Results
from tune.report.runs import curve_of
from tune.scoring import has_failed, loss_interval, stability
from tune.standings import Standing

_WINNER, _OTHERS, _FAILED = "winner's seeds", "other trials' seeds", "failed seed"
_SHARE, _FEWEST, _MOST = 5, 5, 100


def strip(results: Results) -> Figure | Omitted:
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
            "mean with 95% interval, of seeds that did not fail",
            [mean for _, _, mean, _, _ in middles],
            [y for y, *_ in middles],
            "ink",
            "diamond",
            [f"trial {one.number}: mean {wording.number(mean)}" for _, one, mean, _, _ in middles],
            4.5,
            low=[low for *_, low, _ in middles],
            high=[high for *_, high in middles],
        )
    )
    marks += _baseline(results, "x")
    failed = sum(has_failed(loss, results.baseline) for loss in losses)
    best = trials[0]
    return Figure(
        key="seeds",
        title=title,
        caption=(
            f"Each mark is one seed of one of the best {len(trials)} trials, best first. Trials of different rungs "
            "(right of the name) are not comparable. A seed whose loss is not finite stands at the right end."
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


def learning_curves(results: Results) -> Figure | Omitted:
    """The scored metric by epoch of the best trials, and of one that fails on some seed."""
    title, metric = "Learning curves", results.study.score.metric
    trials = seen(results)[:3]
    failing = [luck.standing for luck in results.lucky] + [
        one for one in seen(results) if one.summary and one.summary.failed
    ]
    trials += [one for one in failing if one not in trials][:1]
    if not trials:
        return Omitted(title, "no trial has reached a rung")
    curves = {one.number: _curves(results, one) for one in trials}
    values = [value for by_seed in curves.values() for curve in by_seed.values() for value in curve.tolist()]
    bounded = [*values, *([results.baseline] if isfinite(results.baseline) else [])]
    axis = replace(axis_of(metric, bounded), bounds=_ends(bounded))
    panels = [_curve_panel(results, one, curves[one.number], axis) for one in trials]
    longest = max((len(curve) for by_seed in curves.values() for curve in by_seed.values()), default=0)
    width = buckets(longest)[0][1] if longest else 1
    thinned = f" Drawn in steps of {width} epochs; the band and failed seeds keep every spike." if width > 1 else ""
    rows = [
        [str(one.number), str(seed), str(epoch), wording.number(float(curve[epoch - 1]))]
        for one in trials
        for seed, curve in curves[one.number].items()
        for epoch in sorted({1, max(1, len(curve) // 4), max(1, len(curve) // 2), len(curve)})
    ]
    return Figure(
        key="curves",
        title=title,
        caption=(
            "Line: mean over the seeds that do not fail; band: from the least to the greatest of them. Failed seeds "
            "are drawn one by one, with a cross where they end. The best three trials, and the one that fails on some "
            f"seed and would have been preferred on another, or else the best that fails.{thinned}"
        ),
        alt=f"Learning curves of {metric} for trials {wording.listed([str(one.number) for one in trials])}.",
        panels=panels,
        data=Table(["trial", "seed", "epoch", metric], rows[:TABLE_ROWS], caption=f"{title}, at some epochs"),
        height=2.6,
    )


def gap(results: Results) -> Figure | Omitted:
    """Training against validation loss at the end of every run."""
    title, metric = "Gap between training and validation", results.study.score.metric
    trials, left_out = shown(results)
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
                f"trial {run.trial}, seed {run.seed}: train {wording.number(run.train_loss)}, "
                f"{metric} {wording.number(run.loss)}"
                for run in members
            ]
            heights = [run.loss if isfinite(run.loss) else top for run in members]
            marks.append(Points(name, [run.train_loss for run in members], heights, colour, marker, texts, 5))
    ends = [min(run.train_loss for run in runs), max(run.train_loss for run in runs)]
    marks.append(Line("equal losses", ends, ends, "grey", 1.0))
    marks += _baseline(results, "y")
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
            f"the best, trial {trials[0].number}, lies between {_range(found[trials[0].number].values())}."
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
    return {seed: stability(results.ledger.curve(one.number, seed)[: one.epochs], last) for seed in one.losses}


def _by_seed(
    results: Results, trials: Sequence[Standing], values_of: Callable[[Standing], Mapping[int, float]], end: float
) -> list[Mark]:
    """Returns a row of marks for each trial; what is not finite stands at the end."""
    groups: dict[str, list[tuple[float, float, str]]] = {_OTHERS: [], _WINNER: [], _FAILED: []}
    for place, one in enumerate(trials):
        for seed, value in values_of(one).items():
            failed = has_failed(one.losses[seed], results.baseline)
            name = _FAILED if failed else _WINNER if place == 0 else _OTHERS
            text = f"trial {one.number}, seed {seed}: {wording.number(value)}{', failed' if failed else ''}"
            groups[name].append((value if isfinite(value) else end, float(place), text))
    return [
        Points(name, [x for x, _, _ in found], [y for _, y, _ in found], *_LOOKS[name], [text for *_, text in found])
        for name, found in groups.items()
        if found
    ]


_LOOKS = {
    _WINNER: (RANKED[0], "circle"),
    _OTHERS: ("grey", "circle"),
    _FAILED: ("vermillion", "cross"),
}


def _baseline(results: Results, axis: str) -> list[Mark]:
    if not isfinite(results.baseline):
        return []
    return [Rule("constant model", results.baseline, "x" if axis == "x" else "y")]


def _trial_axis(results: Results, trials: Sequence[Standing]) -> Axis:
    names = [f"trial {one.number} · {rung_name(results, one.rung)}" for one in trials]
    return Axis("", ticks=names, reverse=True)


def _seed_table(
    results: Results, trials: Sequence[Standing], values_of: Callable[[Standing], Mapping[int, float]], name: str
) -> Table:
    seeds = [seed for seed in results.study.seeds if any(seed in values_of(one) for one in trials)]
    rows = [[str(one.number), *(wording.number(values_of(one).get(seed)) for seed in seeds)] for one in trials]
    return Table(["trial", *(f"seed {seed}" for seed in seeds)], rows, caption=f"{name} by trial and seed")


def _mean_interval(results: Results, one: Standing) -> tuple[float, float, float]:
    alive = [loss for loss in one.losses.values() if not has_failed(loss, results.baseline)]
    if not alive:
        return float("nan"), float("nan"), float("nan")
    return float(np.mean(alive)), *loss_interval(alive, results.baseline, results.study.score)


def _curves(results: Results, one: Standing) -> dict[int, np.ndarray]:
    """Returns the scored metric by seed and epoch."""
    metric = results.study.score.metric
    by_seed = curve_of(results.curves, one.number)
    return {seed: columns[metric] for seed, columns in by_seed.items() if metric in columns}


def _curve_panel(results: Results, one: Standing, curves: Mapping[int, np.ndarray], axis: Axis) -> Panel:
    failed = [seed for seed in curves if has_failed(one.losses.get(seed, 0.0), results.baseline)]
    alive = [curve for seed, curve in curves.items() if seed not in failed]
    marks: list[Mark] = []
    if alive:
        length = max(map(len, alive))
        table = np.full((len(alive), length), np.nan)
        for row, curve in enumerate(alive):
            table[row, : len(curve)] = curve
        places = [part for part in buckets(length) if np.isfinite(table[:, part[0] : part[1]]).any()]
        x = [float(end) for _, end in places]
        low, high = ([float(take(table[:, a:b])) for a, b in places] for take in (np.nanmin, np.nanmax))
        means = [float(np.nanmean(table[:, a:b])) for a, b in places]
        marks += [Band("least to greatest", x, low, high, "blue"), Line("mean over seeds", x, means, "blue")]
    for seed in failed:
        curve = curves[seed]
        parts = [(end, curve[start:end]) for start, end in buckets(len(curve))]
        known = [(float(end), float(np.nanmax(part))) for end, part in parts if np.isfinite(part).any()]
        if known:
            marks.append(Line("failed seed", [x for x, _ in known], [y for _, y in known], "vermillion", 1.2))
            end_text = f"trial {one.number}, seed {seed}: ends at {wording.number(known[-1][1])}"
            marks.append(Points("", [known[-1][0]], [known[-1][1]], "vermillion", "cross", [end_text]))
    marks += _baseline(results, "y")
    title = f"Trial {one.number}: {len(failed)} of {wording.count(len(curves), 'seed')} failed"
    return Panel(title, epoch_axis(max((len(curve) for curve in curves.values()), default=1)), axis, marks)


def _ends(values: Sequence[float]) -> tuple[float, float] | None:
    """Returns ends of an axis that are a little wider than the values."""
    known = [value for value in values if isfinite(value)]
    if not known or min(known) == max(known):
        return None
    low, high = min(known), max(known)
    margin = 0.05 * (high - low)
    return (low / 1.05, high * 1.05) if low > 0 and low - margin <= 0 else (low - margin, high + margin)


def _range(values: object) -> str:
    known = [value for value in values if isfinite(value)]  # type: ignore[attr-defined]
    return f"{wording.number(min(known))} and {wording.number(max(known))}" if known else "no finite values"
