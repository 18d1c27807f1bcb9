"""One unit of work, where it trains: what it saves, and what it does not."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.clock import Clock
from tests.fakes.studies import quadratic_study
from tests.fakes.trainers import Quadratic, Stumbling
from tune.drivers.reports import Death, EpochReport, UnitReport
from tune.drivers.unit import TrainingSettings, Unit
from tune.ledger.ledger import Ledger
from tune.optimizer.work import Work


def unit_of(folder: Path, trainer: Any = Quadratic, recording: dict[str, Any] | None = None, gpus: float = 0.0) -> Unit:
    """Three seeds that are to train four epochs; a checkpoint is due at the end."""
    study = quadratic_study(resources={"gpus_per_trial": gpus})
    ledger = Ledger.open(study, folder / "study", clock=Clock())
    settings = TrainingSettings.of(ledger)
    ledger.close("interrupted")
    return Unit(lambda: trainer, recording or {}, Work(0, {"x": 0.5}, (1, 2, 3), 0, 4), settings)


def saved(folder: Path) -> Sequence[str]:
    """Names of the checkpoints."""
    return sorted(path.name for path in folder.rglob("*.pt"))


def test_a_trainer_that_died_in_mid_epoch_is_not_saved(tmp_path: Path) -> None:
    """Some of its seeds may be an epoch further than the file would say."""
    (tmp_path / "marks").mkdir()
    (tmp_path / "marks" / "0").touch()
    unit = unit_of(tmp_path, Stumbling, {"marks": str(tmp_path / "marks"), "seed": 2})
    news: list[UnitReport] = list(unit.news())
    assert [type(item) for item in news] == [EpochReport, Death]
    unit.save()
    assert saved(tmp_path) == []


def test_what_is_durable_is_not_written_again(tmp_path: Path) -> None:
    """Ray Tune saves a trial that it is told to stop, when its files may have been removed on purpose."""
    unit = unit_of(tmp_path)
    list(unit.news())
    assert len(saved(tmp_path)) == 3
    for path in tmp_path.rglob("*.pt"):
        path.unlink()
    unit.save()
    assert saved(tmp_path) == []


def test_a_unit_that_is_stopped_is_saved_where_it_is(tmp_path: Path) -> None:
    """Between two checkpoints as well, once."""
    unit = unit_of(tmp_path)
    news = unit.news()
    next(news)
    next(news)
    unit.save()
    assert saved(tmp_path) == [f"seed-{seed}-epoch-000002.pt" for seed in (1, 2, 3)]


@pytest.mark.parametrize("gpus", [0.0, 0.25])
def test_it_tells_what_it_holds(tmp_path: Path, gpus: float) -> None:
    """Each epoch says of how many GPUs it was."""
    told = [item.gpus for item in unit_of(tmp_path, gpus=gpus).news() if isinstance(item, EpochReport)]
    assert told == [gpus] * 4


def test_threads_are_limited_before_and_after_pytorch_is_loaded() -> None:
    """Without loading it for a trainer that does not."""
    source = """
import sys
from tune.drivers.unit import limit_threads
limit_threads(1)
assert "torch" not in sys.modules
import torch
assert torch.get_num_threads() == 1
limit_threads(3)
assert torch.get_num_threads() == 3
"""
    subprocess.run([sys.executable, "-c", source], check=True)
