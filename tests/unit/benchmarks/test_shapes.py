"""The benchmark of shapes: three ways to say the same settings."""

import pytest

from benchmarks.shapes import SHAPES, flattened, play, rows_of, space_of
from benchmarks.tabular import load
from tests.fakes.studies import quadratic_study
from tune.study.settings.constraints import violated
from tune.study.settings.walk import grid


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_has_the_settings_of_the_table(shape: str) -> None:
    """Each once, and no other: so what is found differs by the shape alone."""
    table = load("connectome-sgd")
    study = quadratic_study(**space_of(shape, table.space))
    sound = [setting for setting in grid(study.space) if not violated(study.where, setting)]
    rows = sorted(sorted(flattened(setting).items()) for setting in sound)
    assert rows == sorted(sorted(setting.items()) for setting in grid(quadratic_study(space=table.space).space))


def test_a_play_is_the_same_each_time() -> None:
    """Regret and failure depend on table, shape, repetition and budget alone; flat is as good as flat."""
    assert play("connectome-sgd", "conditional", 3, 120) == play("connectome-sgd", "conditional", 3, 120)
    rows = rows_of("connectome-sgd", [3, 4], 120)
    assert [row["shape"] for row in rows] == list(SHAPES)
    assert rows[0]["more_than_flat"] == 0.0
    assert all(row["regret"] >= 0 for row in rows)
