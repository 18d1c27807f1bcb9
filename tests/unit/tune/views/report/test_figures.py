"""The figures of the report: what they draw, and that it is the ledger's."""

import json
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest

from tests.fakes.ledgers import latent_study, played
from tune.ledger.reader import LedgerReader
from tune.study.space import Choice, IntRange, LogUniform, Uniform
from tune.views.report.blocks import Figure, Paragraph, Report
from tune.views.report.figures.axes import Bins, Omitted, bins_of, buckets, log_ticks
from tune.views.report.figures.cost import pareto
from tune.views.report.figures.curves import learning_curves
from tune.views.report.figures.interactive import panels_of
from tune.views.report.marks import Cells, Line, Points, legend
from tune.views.report.page import FIGURES, report_of
from tune.views.results import gather


def test_every_figure_is_there(report: Report) -> None:
    """Ten figures were asked for: those that the study cannot fill are named, with the reason."""
    assert [figure.key for figure in report.figures] == [key for key in FIGURES if key != "speed"]
    said = [block.text for section in report.sections for block in section.blocks if isinstance(block, Paragraph)]
    assert "Speed against batch size is not drawn, because the trainer tells no samples_per_second." in said
    assert all(figure.alt and figure.caption and figure.data.rows for figure in report.figures)


def test_points_of_the_figures_are_those_of_the_ledger(ledger: LedgerReader, report: Report) -> None:
    """The strip plot, the parameters and the curves hold the ledger's losses, not rounded ones."""
    figures = {figure.key: figure for figure in report.figures}
    losses = {loss for trial in ledger.trials if trial.last for loss in trial.last.losses.values()}
    for key in ("seeds", "parameters"):
        axis = "x" if key == "seeds" else "y"
        for panel in figures[key].panels:
            seeds = [mark for mark in panel.marks if isinstance(mark, Points) and mark.marker != "diamond"]
            assert {value for mark in seeds for value in getattr(mark, axis)} <= losses
    best = gather(ledger).best
    assert best is not None
    (mean,) = [mark for mark in figures["curves"].panels[0].marks if isinstance(mark, Line)]
    curves = [ledger.curve(best.number, seed) for seed in best.losses]
    assert mean.y == pytest.approx([sum(column) / len(column) for column in zip(*curves, strict=True)])


def test_panels_are_what_plotly_draws(report: Report) -> None:
    """Plotly knows every property of every panel."""
    for figure in report.figures:
        for panel in panels_of(figure):
            assert len(go.Figure(json.loads(panel), skip_invalid=False).data) > 0


def test_failed_seeds_are_drawn(tmp_path: Path) -> None:
    """A seed that becomes nan is a line of its own with a cross at its last finite epoch."""
    study = latent_study(
        space={"batch_size": {"choice": [16, 256]}, "use_batch_norm": {"choice": [True]}},
        search={"method": "grid"},
        rungs=[{"epochs": 8, "seeds": 5}],
    )
    figure = learning_curves(gather(played(tmp_path / "s", study)))
    assert isinstance(figure, Figure)
    panel = next(panel for panel in figure.panels if panel.title == "Trial 0: 2 of 5 seeds failed")
    crosses = [mark for mark in panel.marks if isinstance(mark, Points) and mark.marker == "cross"]
    assert sorted(cross.x[0] for cross in crosses) == [5.0, 8.0]
    assert [key.name for key in legend(figure.panels)].count("failed seed") == 1


def test_long_curves_keep_their_spikes() -> None:
    """At most 200 places, which cover every epoch once."""
    for length in (1, 200, 201, 10_000):
        found = buckets(length)
        assert len(found) <= 200
        assert [epoch for start, end in found for epoch in range(start, end)] == list(range(length))
    assert buckets(0) == []


def test_pareto_front(ledger: LedgerReader) -> None:
    """No trial of the front is beaten in both time and score, and every other one is."""
    trials = [
        replace(one, score=score) for one, score in zip(gather(ledger).ranked, (3.0, 1.0, 2.0, 4.0), strict=False)
    ]
    front = pareto(list(zip(trials, (1.0, 3.0, 2.0, 2.0), strict=True)))
    assert [(seconds, one.score) for one, seconds in front] == [(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)]


@pytest.mark.parametrize(
    ("parameter", "value", "place"),
    [
        (Choice(choice=[True, False]), False, 1),
        (Choice(choice=[1, True]), True, 1),
        (Choice(choice=["a"]), "b", None),
        (Uniform(uniform=[0, 1]), 0.0, 0),
        (Uniform(uniform=[0, 1]), 1.0, 4),
        (Uniform(uniform=[0, 1]), 1.1, None),
        (LogUniform(log_uniform=[1e-5, 1]), 1e-3, 2),
        (IntRange(int=[1, 3]), 3, 2),
        (IntRange(int=[4, 64], log=True), 64, 4),
    ],
)
def test_steps_of_a_parameter(parameter: Any, value: object, place: int | None) -> None:
    """Each value lies in one step; the ends belong to the outer ones, what was never searched to none."""
    found: Bins = bins_of(parameter)
    assert found.find(parameter, value) == place


@pytest.mark.parametrize(("low", "high"), [(1e-4, 1e-2), (0.026, 0.092), (16.0, 2048.0), (0.9, 1.1), (1e-8, 1e4)])
def test_log_axes_have_a_few_ticks(low: float, high: float) -> None:
    """Between three and eight, ascending, none far outside."""
    ticks = log_ticks(low, high)
    assert 1 <= len(ticks) <= 8
    assert ticks == sorted(set(ticks))
    assert low / 1.2 <= ticks[0] <= ticks[-1] <= high * 1.2


def test_coverage_counts_every_trial(ledger: LedgerReader, report: Report) -> None:
    """The numbers of each map add up to the trials seen at the rung that most reached."""
    figure = next(figure for figure in report.figures if figure.key == "interactions")
    reached = sum(0 in trial.reached for trial in ledger.trials)
    assert len(figure.panels) == 6
    for panel in figure.panels:
        (cells,) = [mark for mark in panel.marks if isinstance(mark, Cells)]
        assert sum(int(text) for row in cells.texts for text in row) == reached
        for values, texts in zip(cells.values, cells.texts, strict=True):
            assert [isfinite(value) for value in values] == [text != "0" for text in texts]


def test_one_parameter_makes_no_map(tmp_path: Path) -> None:
    """What cannot be drawn is left out with its reason: no empty picture."""
    study = latent_study(space={"batch_size": {"choice": [64]}}, search={"method": "grid"})
    report = report_of(gather(played(tmp_path / "s", study)))
    said = [block.text for section in report.sections for block in section.blocks if isinstance(block, Paragraph)]
    assert "Interactions and coverage is not drawn, because only one parameter varies." in said
    assert isinstance(Omitted("a", "b"), Omitted)
