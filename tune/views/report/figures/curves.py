"""The figure of learning curves: the scored metric by epoch, over seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite

import numpy as np

from tune.scoring.standings import Standing
from tune.views import wording
from tune.views.report.blocks import Figure, Table
from tune.views.report.figures.axes import TABLE_ROWS, Omitted, axis_of, baseline_rule, buckets, epoch_axis, seen
from tune.views.report.marks import Axis, Band, Line, Mark, Panel, Points
from tune.views.results import Results
from tune.views.runs import curve_of


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
    calm = [one for one in trials if not (one.summary and one.summary.failed)]
    panels = [
        _curve_panel(results, one, curves[one.number], _loss_axis(results, curves, calm if one in calm else [one]))
        for one in trials
    ]
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
            "seed and would have been preferred on another, or else the best that fails; panels with failed seeds have "
            f"a scale of their own.{thinned}"
        ),
        alt=f"Learning curves of {metric} for trials {wording.listed([str(one.number) for one in trials])}.",
        panels=panels,
        data=Table(["trial", "seed", "epoch", metric], rows[:TABLE_ROWS], caption=f"{title}, at some epochs"),
        height=2.6,
    )


def _curves(results: Results, one: Standing) -> dict[int, np.ndarray]:
    """Returns the scored metric by seed and epoch."""
    metric = results.study.score.metric
    by_seed = curve_of(results.curves, one.number)
    return {seed: columns[metric] for seed, columns in by_seed.items() if metric in columns}


def _curve_panel(results: Results, one: Standing, curves: Mapping[int, np.ndarray], axis: Axis) -> Panel:
    failed = [seed for seed in curves if results.scale.failed(one.losses.get(seed, 0.0))]
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
            end_text = f"{wording.called(one.trial)}, seed {seed}: ends at {wording.number(known[-1][1])}"
            marks.append(Points("", [known[-1][0]], [known[-1][1]], "vermillion", "cross", [end_text]))
    marks += baseline_rule(results, "y")
    name = wording.called(one.trial, 40) if one.trial.arm else f"Trial {one.number}"
    title = f"{name}: {len(failed)} of {wording.count(len(curves), 'seed')} failed"
    return Panel(title, epoch_axis(max((len(curve) for curve in curves.values()), default=1)), axis, marks)


def _loss_axis(results: Results, curves: Mapping[int, Mapping[int, np.ndarray]], trials: Sequence[Standing]) -> Axis:
    """Returns the axis that the panels of some trials share."""
    values = [value for one in trials for curve in curves[one.number].values() for value in curve.tolist()]
    bounded = [*values, *([results.baseline] if isfinite(results.baseline) else [])]
    return replace(axis_of(results.study.score.metric, bounded), bounds=_ends(bounded))


def _ends(values: Sequence[float]) -> tuple[float, float] | None:
    """Returns ends of an axis that are a little wider than the values."""
    known = [value for value in values if isfinite(value)]
    if not known or min(known) == max(known):
        return None
    low, high = min(known), max(known)
    margin = 0.05 * (high - low)
    return (low / 1.05, high * 1.05) if low > 0 and low - margin <= 0 else (low - margin, high + margin)
