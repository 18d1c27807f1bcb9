"""Figures about the space: loss against each parameter, maps of two, and which parameters matter."""

from collections.abc import Sequence
from itertools import combinations
from math import isfinite, nan
from statistics import median

from tune.optimizer.importance import EVALUATORS, FEWEST, MOST, REPEATS, Importance, importances
from tune.scoring.standings import Standing
from tune.study.space import Choice
from tune.views import wording
from tune.views.report.blocks import Figure, Table
from tune.views.report.figures.axes import (
    TABLE_ROWS,
    Bins,
    Omitted,
    axis_of,
    baseline_rule,
    beyond,
    bins_of,
    common_rung,
    parameter_axis,
    place_on,
    rung_text,
    seen,
    trials_shown,
)
from tune.views.report.marks import Axis, Cells, Colour, Mark, Marker, Panel, Points
from tune.views.results import Results

_MOST_PARAMETERS = 8
_MAPPED = 4
_SPREADS = 4.0
_LOOKS: dict[str, tuple[Colour, Marker]] = {
    "trials below the top rung": ("grey", "ring"),
    "confirmed trials": ("sky", "circle"),
    "winner": ("blue", "circle"),
    "failed seed": ("vermillion", "cross"),
}


def against_parameters(results: Results) -> Figure | Omitted:
    """Every seed's loss against each parameter."""
    title, metric = "Loss against each parameter", results.study.score.metric
    trials, left_out = trials_shown(results)
    names = results.varying[:_MOST_PARAMETERS]
    if not trials:
        return Omitted(title, "no trial has reached a rung")
    losses = [loss for one in trials for loss in one.losses.values()]
    bounded = [*losses, *([results.baseline] if isfinite(results.baseline) else [])]
    axis, end = axis_of(metric, bounded), beyond(bounded)
    more = len(results.varying) - len(names)
    rows = [
        [str(one.number), *(wording.parameter(one.trial.parameters, name) for name in names), str(seed), shown_loss]
        for one in trials
        for seed, loss in one.losses.items()
        for shown_loss in [wording.number(loss)]
    ]
    return Figure(
        key="parameters",
        title=title,
        caption=(
            f"Each mark is one seed at the highest rung that its trial reached.{left_out}{_conditional(results)}"
            + (f" {wording.count(more, 'more parameter')} not drawn." if more > 0 else "")
        ),
        alt=(
            f"{metric} of {wording.count(len(losses), 'seed')} of {wording.count(len(trials), 'trial')} against "
            f"{wording.listed(list(names))}."
        ),
        panels=[_parameter_panel(results, trials, name, axis, end) for name in names],
        data=Table(["trial", *names, "seed", metric], rows[:TABLE_ROWS], caption=f"{title}, best trials first"),
        height=2.7,
        columns=min(2, len(names)),
    )


def interactions(results: Results, ranked: Sequence[str]) -> Figure | Omitted:
    """Maps of two parameters: how good, and what was tried at all.

    Args:
        results: Of the study.
        ranked: The parameters, the most important first.
    """
    title, rung = "Interactions and coverage", common_rung(results)
    if len(ranked) < 2:
        return Omitted(title, "only one parameter varies")
    if rung is None:
        return Omitted(title, "no trial has reached a rung")
    names = [name for name in results.varying if name in ranked[:_MAPPED]]
    scored = [(one, one.trial.reached[rung].score) for one in results.ranked if rung in one.trial.reached]
    found = [_map(results, scored, x, y) for x, y in combinations(names, 2)]
    cells = sum(tried + untried for _, tried, untried in found)
    holes = sum(untried for _, _, untried in found)
    most = f" The {_MAPPED} most important parameters only." if len(ranked) > _MAPPED else ""
    return Figure(
        key="interactions",
        title=title,
        caption=(
            f"Number in a cell: how many trials were tried there; colour: their median score after "
            f"{rung_text(results, rung)}, where most trials can be compared; far worse ones share the last "
            f"colour. Grey cells were never tried: nothing is known of them.{most}"
        ),
        alt=f"Maps of {wording.count(len(found), 'pair')} of parameters; {holes} of {cells} cells were never tried.",
        panels=[panel for panel, _, _ in found],
        data=_map_table([panel for panel, _, _ in found]),
        height=2.7,
    )


def importance(results: Results, found: Sequence[Importance]) -> Figure | Omitted:
    """How much each parameter matters, by two evaluators."""
    title, rung = "Parameter importance", common_rung(results)
    if rung is None or not found:
        return Omitted(title, f"that takes {FEWEST} trials that differ in score at one rung")
    names = importance_order(results, found)
    looks: dict[str, tuple[Colour, Marker, float]] = {
        "PED-ANOVA": ("blue", "circle", -0.12),
        "fANOVA": ("orange", "diamond", 0.12),
    }
    marks: list[Mark] = []
    rows = []
    for evaluator in EVALUATORS:
        colour, marker, shift = looks[evaluator]
        mine = sorted((one for one in found if one.evaluator == evaluator), key=lambda one: names.index(one.parameter))
        marks.append(
            Points(
                evaluator,
                [median(one.values) for one in mine],
                [names.index(one.parameter) + shift for one in mine],
                colour,
                marker,
                [f"{one.parameter}: {wording.percent(median(one.values), 0)}" for one in mine],
                low=[one.values[0] for one in mine],
                high=[one.values[-1] for one in mine],
            )
        )
        rows += [[one.parameter, evaluator, *(wording.percent(share) for share in _spread(one.values))] for one in mine]
    count = sum(rung in one.trial.reached for one in results.ranked)
    conditional = any(results.study.space[name].when for name in names)
    return Figure(
        key="importance",
        title=title,
        caption=(
            f"Share of the importance, from the scores of {wording.count(count, 'trial')} after "
            f"{rung_text(results, rung)}. Mark: median of {REPEATS} repeats, each on up to {MOST} trials drawn with "
            "replacement; line: least to greatest. PED-ANOVA asks what makes the best tenth, fANOVA what explains all. "
            f"An adaptive search tries good regions more often, which both see as less difference there."
            f"{' Where a trial does not have a parameter, a value drawn at random stands in its place.' * conditional}"
        ),
        alt=f"The most important parameter is {names[0]}, in the order {wording.listed(names)}.",
        panels=[
            Panel("", Axis("share of importance", bounds=(-0.02, 1.02)), Axis("", ticks=names, reverse=True), marks)
        ],
        data=Table(
            ["parameter", "evaluator", "median", "least", "greatest"],
            rows,
            left=("parameter", "evaluator"),
            caption=title,
        ),
        height=1.0 + 0.4 * len(names),
        columns=1,
    )


def importance_of(results: Results) -> list[Importance]:
    """Returns the importances at the rung at which most trials can be compared."""
    rung = common_rung(results)
    if rung is None:
        return []
    trials = sorted((one for one in results.ranked if rung in one.trial.reached), key=lambda one: one.number)
    return importances(
        {name: results.study.space[name] for name in results.varying},
        [one.trial.parameters for one in trials],
        [one.trial.reached[rung].score for one in trials],
        results.study.search.seed,
    )


def importance_order(results: Results, found: Sequence[Importance]) -> list[str]:
    """Returns the varying parameters, the most important first; as in the study where that is not known."""
    shares = dict.fromkeys(results.varying, 0.0)
    for one in found:
        shares[one.parameter] = shares.get(one.parameter, 0.0) + median(one.values)
    return sorted(shares, key=lambda name: -shares[name])


def _conditional(results: Results) -> str:
    """Returns the sentence that says which parameters not all trials have; empty where all have all."""
    names = [name for name in results.varying if results.study.space[name].when]
    return f" Only trials that have it are drawn against {wording.listed(names)}." if names else ""


def _spread(values: Sequence[float]) -> tuple[float, float, float]:
    return median(values), values[0], values[-1]


def _parameter_panel(results: Results, trials: Sequence[Standing], name: str, axis: Axis, end: float) -> Panel:
    parameter = results.study.space[name]
    best = seen(results)[0].number
    groups: dict[str, list[tuple[float, float, str]]] = {group: [] for group in _LOOKS}
    for one in trials:
        if name not in one.trial.parameters:
            continue
        value, count = one.trial.parameters[name], max(1, len(one.losses) - 1)
        for place, (seed, loss) in enumerate(one.losses.items()):
            failed = results.scale.failed(loss)
            group = "failed seed" if failed else "winner" if one.number == best else "confirmed trials"
            if group == "confirmed trials" and one.state != "confirmed":
                group = "trials below the top rung"
            shift = 0.3 * (place / count - 0.5) if isinstance(parameter, Choice) else 0.0
            text = f"{wording.called(one.trial)}, seed {seed}: {wording.number(loss)} at {name} {wording.value(value)}"
            groups[group].append((place_on(parameter, value) + shift, loss if isfinite(loss) else end, text))
    marks: list[Mark] = [
        Points(
            group, [x for x, _, _ in found], [y for _, y, _ in found], *_LOOKS[group], [text for *_, text in found], 4.5
        )
        for group, found in groups.items()
        if found
    ]
    marks += baseline_rule(results, "y")
    return Panel("", parameter_axis(name, parameter), axis, marks)


def _map(results: Results, scored: Sequence[tuple[Standing, float]], x: str, y: str) -> tuple[Panel, int, int]:
    """Returns the map of two parameters, and how many of its cells were tried and how many not."""
    space = results.study.space
    across, down = bins_of(space[x]), bins_of(space[y])
    cells: dict[tuple[int, int], list[float]] = {}
    for one, score in scored:
        if not {x, y} <= one.trial.parameters.keys():
            continue
        column = across.find(space[x], one.trial.parameters[x])
        row = down.find(space[y], one.trial.parameters[y])
        if row is not None and column is not None:
            cells.setdefault((row, column), []).append(score)
    values, texts = _grid(cells, across, down)
    marks = [Cells("median score", values, texts, _darkest(values))]
    panel = Panel("", Axis(x, ticks=across.labels), Axis(y, ticks=down.labels), marks)
    return panel, len(cells), len(across.labels) * len(down.labels) - len(cells)


def _grid(
    cells: dict[tuple[int, int], list[float]], across: Bins, down: Bins
) -> tuple[list[list[float]], list[list[str]]]:
    """Returns median scores and counts; a cell in which no score is finite counts as the worst of the others."""
    medians = {place: median(scores) for place, scores in cells.items()}
    worst = max((value for value in medians.values() if isfinite(value)), default=nan)
    rows, columns = range(len(down.labels)), range(len(across.labels))
    values = [[_finite(medians.get((row, column)), worst) for column in columns] for row in rows]
    return values, [[str(len(cells.get((row, column), ()))) for column in columns] for row in rows]


def _darkest(values: Sequence[Sequence[float]]) -> float:
    """Returns the value from which on cells have the last colour: four times as far from the best as the median is."""
    known = sorted(value for row in values for value in row if isfinite(value))
    if not known:
        return 1.0
    return min(known[-1], known[0] + _SPREADS * (median(known) - known[0])) if median(known) > known[0] else known[-1]


def _finite(value: float | None, worst: float) -> float:
    return nan if value is None else value if isfinite(value) else worst


def _map_table(panels: Sequence[Panel]) -> Table:
    rows = []
    for panel in panels:
        for mark in panel.marks:
            if isinstance(mark, Cells):
                for row, name in enumerate(panel.y.ticks):
                    for column, other in enumerate(panel.x.ticks):
                        x, y = (f"{panel.x.label} {other}", f"{panel.y.label} {name}")
                        value = wording.number(mark.values[row][column])
                        rows.append([x.replace("\n", ""), y.replace("\n", ""), mark.texts[row][column], value])
    headings = ["first", "second", "trials", "median score"]
    return Table(headings, rows, left=("first", "second"), caption="Trials and median score by cell")
