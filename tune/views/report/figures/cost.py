"""Figures about cost: time against loss, speed against batch size, and what early stopping saved."""

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from statistics import fmean

from tune.scoring.standings import Standing
from tune.study.ladder import cost
from tune.views import wording
from tune.views.report.blocks import Figure, Table
from tune.views.report.figures.axes import TABLE_ROWS, Omitted, axis_of, rung_name, rung_text, seen, trials_shown
from tune.views.report.marks import Axis, Bars, Colour, Line, Mark, Marker, Panel, Points
from tune.views.results import Results

_BATCH = "batch_size"
_FEW_TICKS = 8


def time_against_loss(results: Results) -> Figure | Omitted:
    """What a training takes against how good it is, and the trials that no other beats in both."""
    title = "Time against loss"
    trials, left_out = trials_shown(results)
    timed = [(one, _training_s(results, one)) for one in trials]
    timed = [(one, seconds) for one, seconds in timed if isfinite(seconds) and isfinite(one.score)]
    if not timed:
        return Omitted(title, "the trainer tells no seconds")
    rung = max(one.rung for one, _ in timed if one.rung is not None)
    equal = [(one, seconds) for one, seconds in timed if one.rung == rung]
    front = pareto(equal)
    groups = {
        "trials of lower rungs": [pair for pair in timed if pair not in equal],
        f"trials of the {'top rung' if rung == len(results.study.rungs) - 1 else f'rung {rung}'}": [
            pair for pair in equal if pair[0] is not trials[0]
        ],
        "winner": [pair for pair in equal if pair[0] is trials[0]],
    }
    looks: tuple[tuple[Colour, Marker], ...] = (("grey", "ring"), ("sky", "circle"), ("blue", "circle"))
    marks: list[Mark] = [
        Points(
            name,
            [seconds for _, seconds in found],
            [one.score for one, _ in found],
            colour,
            marker,
            [
                f"{wording.called(one.trial)}: {wording.duration(seconds)}, score {wording.number(one.score)}"
                for one, seconds in found
            ],
        )
        for (name, found), (colour, marker) in zip(groups.items(), looks, strict=True)
        if found
    ]
    marks.insert(0, Line("Pareto front", [s for _, s in front], [one.score for one, _ in front], "orange"))
    rows = [
        [str(one.number), rung_name(results, one.rung), wording.seconds(seconds), wording.number(one.score), on_front]
        for one, seconds in timed[:TABLE_ROWS]
        for on_front in ["yes" if (one, seconds) in front else "no"]
    ]
    return Figure(
        key="time",
        title=title,
        caption=(
            "Time: seconds that one seed takes to the rung at which its trial is scored, at the pace that was measured "
            "while others ran beside it. The Pareto front joins the trials of the highest rung that no other of them "
            f"beats in both.{left_out}"
        ),
        alt=(
            f"Score against training time of {wording.count(len(timed), 'trial')}; on the Pareto front are trials "
            f"{wording.listed([str(one.number) for one, _ in front])}."
        ),
        panels=[
            Panel(
                "",
                axis_of("seconds of one seed's training", [seconds for _, seconds in timed]),
                axis_of("score", [one.score for one, _ in timed]),
                marks,
            )
        ],
        data=Table(
            ["trial", "rung", "seconds", "score", "Pareto front"],
            rows,
            left=("rung", "Pareto front"),
            caption=f"{title}, best trials first",
        ),
        height=3.2,
        columns=1,
    )


def pareto(timed: Sequence[tuple[Standing, float]]) -> list[tuple[Standing, float]]:
    """Returns the trials that no other beats in both time and score, the quickest first."""
    front: list[tuple[Standing, float]] = []
    for one, seconds in sorted(timed, key=lambda pair: (pair[1], pair[0].score)):
        if not front or one.score < front[-1][0].score:
            front.append((one, seconds))
    return front


def throughput(results: Results) -> Figure | Omitted:
    """Samples per second against batch size."""
    title = "Speed against batch size"
    if _BATCH not in results.varying:
        return Omitted(title, f"{_BATCH} does not vary")
    rates: dict[int, list[float]] = {}
    for run in results.runs:
        if isfinite(run.samples_per_second):
            rates.setdefault(run.trial, []).append(run.samples_per_second)
    found = []
    for one in trials_shown(results)[0]:
        batch = one.trial.parameters.get(_BATCH)
        if one.number in rates and isinstance(batch, int | float):
            found.append((one, float(batch), fmean(rates[one.number])))
    if not found:
        return Omitted(title, "the trainer tells no samples_per_second")
    best = seen(results)[0].number
    marks = []
    groups: tuple[tuple[str, Colour, bool], ...] = (("trials", "sky", False), ("winner", "blue", True))
    for name, colour, winner in groups:
        mine = [each for each in found if (each[0].number == best) == winner]
        if mine:
            names = [wording.called(one.trial) for one, *_ in mine]
            speeds = [f"batch {batch:g}, {rate:,.0f} samples/s" for _, batch, rate in mine]
            texts = [f"{name}: {speed}" for name, speed in zip(names, speeds, strict=True)]
            marks.append(
                Points(name, [batch for _, batch, _ in mine], [rate for *_, rate in mine], colour, "circle", texts)
            )
    rows = [[str(one.number), f"{batch:g}", f"{rate:.0f}"] for one, batch, rate in found[:TABLE_ROWS]]
    return Figure(
        key="speed",
        title=title,
        caption="Samples per second of one seed, mean over seeds and epochs, measured while others ran beside it.",
        alt=f"Samples per second of {wording.count(len(found), 'trial')} against {_BATCH}.",
        panels=[
            Panel(
                "",
                _batch_axis([batch for _, batch, _ in found]),
                axis_of("samples per second", [rate for *_, rate in found]),
                marks,
            )
        ],
        data=Table(["trial", _BATCH, "samples per second"], rows, caption=title),
        height=3.0,
        columns=1,
    )


def _batch_axis(batches: Sequence[float]) -> Axis:
    """Returns an axis with a tick at each batch size, where they are few."""
    sizes = sorted(set(batches))
    axis = axis_of(_BATCH, sizes)
    return replace(axis, at=sizes) if len(sizes) <= _FEW_TICKS else axis


def saved(results: Results) -> Figure | Omitted:
    """What was spent on the trials that ended at each rung, beside what training them in full would have cost."""
    title, study = "What early stopping saved", results.study
    if len(study.rungs) < 2:
        return Omitted(title, "the ladder has a single rung, so nothing is stopped early")
    groups: dict[str, list[Standing]] = {}
    for rung in (*reversed(range(len(study.rungs))), None):
        members = [one for one in results.ranked if one.rung == rung]
        if members:
            name = "no rung" if rung is None else f"{rung_name(results, rung)} ({rung_text(results, rung)})"
            groups[f"{wording.count(len(members), 'trial')}: {name}"] = members
    full = [len(members) * cost(study.top) for members in groups.values()]
    spent = [sum(one.seed_epochs for one in members) for members in groups.values()]
    places = [float(place) for place in range(len(groups))]
    marks: list[Mark] = [
        Bars("had they been trained in full", places, [0.0] * len(places), [float(one) for one in full], "silver"),
        Bars(
            "spent",
            places,
            [0.0] * len(places),
            [float(one) for one in spent],
            "blue",
            [
                f"{name}: {used:,} of {whole:,} seed-epochs"
                for name, used, whole in zip(groups, spent, full, strict=True)
            ],
        ),
    ]
    rows = [[name, f"{used:,}", f"{whole:,}"] for name, used, whole in zip(groups, spent, full, strict=True)]
    rows.append(["all", f"{sum(spent):,}", f"{sum(full):,}"])
    return Figure(
        key="saved",
        title=title,
        caption=(
            "Seed-epochs by the highest rung that a trial reached. In full: all epochs on the seeds of the last rung; "
            "the final race gives the best few more than that."
        ),
        alt=f"{sum(spent):,} seed-epochs were spent; every trial in full would have cost {sum(full):,}.",
        panels=[Panel("", Axis("seed-epochs"), Axis("", ticks=list(groups), reverse=True), marks)],
        data=Table(["trials", "spent", "in full"], rows, left=("trials",), caption=title),
        height=1.1 + 0.4 * len(groups),
        columns=1,
    )


def _training_s(results: Results, one: Standing) -> float:
    """Returns the seconds of one seed's training up to the rung at which its trial is scored.

    The pace is per seed, those that train together sharing an epoch: what a seed costs, not how long it lasts.
    """
    return results.ledger.pace(one.number) * one.epochs
