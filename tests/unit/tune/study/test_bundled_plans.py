"""The plans that come along ask the built-in trainer for what it can do."""

from pathlib import Path

import pytest
import yaml

from model.config import check_config
from tune.study.node import for_trainer
from tune.study.reading import BUNDLED, read_study
from tune.study.study import Study

PLANS = [path for path in sorted(BUNDLED.glob("*.yaml")) if "plan" in yaml.safe_load(path.read_text())]


def scales(path: Path) -> list[Study]:
    """A study as it stands and at each of its scales."""
    names = yaml.safe_load(path.read_text())["scales"]
    return [read_study(path), *(read_study(path, [f"scale={name}"]) for name in names)]


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_every_arm_is_a_sound_training(path: Path) -> None:
    """At every scale the trainer finds nothing wrong with what any arm asks for."""
    for study in scales(path):
        for arm in study.arms:
            assert check_config(for_trainer({**study.fixed, **arm.configuration})) == {}, arm.full_name


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_no_plan_compares_losses_of_different_steps(path: Path) -> None:
    """How far ahead a loss looks is settled for all arms of a study, whose leaderboard ranks them together."""
    for study in scales(path):
        assert "evolve_steps" not in study.space


def test_each_distance_is_a_study_of_its_own() -> None:
    """The scales of evolve-steps differ in k and in nothing else that is trained."""
    (path,) = (path for path in PLANS if path.stem == "evolve-steps")
    by_name = {study.name: study for study in scales(path)}
    for size in ("evolve-steps", "evolve-steps-small"):
        of_size = [by_name[name] for name in (size, f"{size}-every-1", f"{size}-every-20")]
        assert [study.fixed["evolve_steps"] for study in of_size] == [5, 1, 20]
        first, *others = (study.model_copy(update={"name": size, "fixed": {}}) for study in of_size)
        assert all(other == first for other in others)
