"""The pages of TensorBoard that belong to the whole study: bands, charts, text."""

from itertools import pairwise
from math import isnan, nan
from pathlib import Path
from typing import Any

import pytest
from tensorboard.plugins.custom_scalar import layout_pb2

from tests.fakes.boards import points_of, runs_of, scalars_of, texts_of
from tests.fakes.clock import Clock
from tests.fakes.ledgers import Player, latent_study, played
from tune.ledger.ledger import Ledger
from tune.study.study import dump_study
from tune.views.results import gather
from tune.views.tensorboard.root_run import CHARTS_TAG, INCUMBENT_TAG, STUDY_TAG
from tune.views.tensorboard.writer import TensorBoard


def test_bands_are_of_the_seeds_of_the_latest_result(raced: Ledger) -> None:
    """Mean, least and greatest value of all seeds from the first epoch on, each step once though seeds joined."""
    best = max(raced.trials, key=lambda trial: trial.seeds)
    run = f"trial-{best.number:04d}"
    scalars, curves = scalars_of(runs_of(raced)[run]), [raced.curve(best.number, seed) for seed in raced.study.seeds]
    points = [(tag, step) for tag, step, _ in points_of(runs_of(raced)[run])]
    assert len(set(points)) == len(points)
    at = list(zip(*curves, strict=True))
    assert list(scalars["seeds/validation_mean"].values()) == pytest.approx([sum(one) / 7 for one in at])
    assert list(scalars["seeds/validation_min"].values()) == pytest.approx([min(one) for one in at])
    assert list(scalars["seeds/validation_max"].values()) == pytest.approx([max(one) for one in at])
    assert set(scalars["seeds/validation_counted"].values()) == {7}
    assert len(list((raced.folder / "tensorboard" / run).glob("*tfevents*"))) == 1


def test_a_band_leaves_out_what_is_not_finite_and_counts_what_is_left(tmp_path: Path) -> None:
    """Where every seed is lost the mean is NaN; the number of finite ones is told at every epoch."""
    study = latent_study(search={"trials": 1}, rungs=[{"epochs": 3, "seeds": 2}], confirm={"seeds": 2})

    def loss(_: Any, seed: int, epoch: int) -> float:
        return nan if epoch == 3 or (epoch == 2 and seed == 12) else 0.03

    ledger = played(tmp_path / "s", study, loss=loss)
    TensorBoard(ledger).close()
    scalars = scalars_of(runs_of(ledger)["trial-0000"])
    assert scalars["seeds/validation_counted"] == {1: 2, 2: 1, 3: 0}
    assert scalars["seeds/validation_max"][2] == pytest.approx(0.03)
    assert isnan(scalars["seeds/validation_mean"][3])


def test_custom_scalars_are_as_many_for_any_number_of_trials(ledger: Ledger) -> None:
    """One layout at the root: a band chart per loss, then what begins closed, the curves of single seeds last."""
    runs = runs_of(ledger)
    assert [run for run, events in runs.items() if texts_of(events, CHARTS_TAG)] == ["."]
    (content,) = texts_of(runs["."], CHARTS_TAG)
    trials, counted, seeds = layout_pb2.Layout.FromString(content).category
    assert (trials.closed, counted.closed, seeds.closed) == (False, True, True)
    lines = {series.value for chart in trials.chart for series in chart.margin.series}
    assert lines == {"seeds/validation_mean", "seeds/train_mean"}
    tags = [tag.strip("^$") for chart in seeds.chart for tag in chart.multiline.tag]
    assert sorted(tags) == ["loss/train", "loss/validation", "optimisation/grad_norm"]


def test_gpu_figures_have_charts_where_they_were_measured(tmp_path: Path) -> None:
    """They stand in a group of their own, after the losses, and among the custom scalars."""
    clock = Clock()
    ledger = Ledger.open(latent_study(), tmp_path / "s", clock=clock)
    player = Player(ledger, clock)
    work = player.optimizer.next_work()
    assert work is not None
    metrics = {"validation_loss": [0.03] * 2, "gpu_utilisation": [0.9] * 2}
    ledger.record(work.trial, work.seeds, 1, metrics)
    TensorBoard(ledger).close()
    runs = runs_of(ledger)
    assert scalars_of(runs["trial-0000/seed-1"])["machine/gpu_utilisation"] == pytest.approx({1: 0.9})
    assert b"machine/gpu_utilisation" in texts_of(runs["."], CHARTS_TAG)[0]


def test_the_text_page_says_the_study_and_the_incumbent(tmp_path: Path) -> None:
    """The study file stands there once; the incumbent for each time that it changed, the latest as in the report."""
    clock = Clock()
    ledger = Ledger.open(latent_study(), tmp_path / "s", clock=clock)
    board, player = TensorBoard(ledger), Player(ledger, clock)
    player.play(after_each=board.close)
    player.optimizer.finish()
    board.close()
    TensorBoard(ledger).close()
    root = runs_of(ledger)["."]
    (study,) = texts_of(root, STUDY_TAG)
    assert dump_study(ledger.study).encode() in study
    told = texts_of(root, INCUMBENT_TAG)
    assert all(one != following for one, following in pairwise(told))
    best = gather(ledger).best
    assert best is not None
    assert f"**Trial {best.number}**".encode() in told[-1]
    assert f"| score | {best.score:.5g} |".encode() in told[-1]
    assert f"`{best.trial.parameters['learning_rate']:.6g}`".encode() in told[-1]
