"""One unit of work, where it trains: what it saves, and what it does not."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fakes.clock import Clock
from tests.fakes.studies import quadratic_study
from tests.fakes.trainers import Featured, Quadratic, Stumbling
from tune.drivers.reports import Death, EpochReport, Evaluation, UnitReport
from tune.drivers.unit import TrainingSettings, Unit
from tune.ledger.ledger import Ledger
from tune.optimizer.work import Work
from tune.scoring.collapse import COLUMNS


class Evaluated(Featured):
    """Is evaluated apart from training as well."""

    def evaluate(self) -> dict[str, list[float]]:
        return {"test_loss": [0.5] * len(self.seeds)}


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


@pytest.mark.parametrize("trainer", [Featured, Evaluated])
def test_the_last_epoch_tells_how_far_features_have_collapsed(tmp_path: Path, trainer: Any) -> None:
    """One number per seed, as of a metric, whether the trainer evaluates apart or not; other epochs do not."""
    news = list(unit_of(tmp_path, trainer).news())
    epochs = [item for item in news if isinstance(item, EpochReport)]
    assert [bool(item.metrics.keys() & set(COLUMNS)) for item in epochs] == [False, False, False, True]
    last = epochs[-1].metrics
    assert last["effective_rank"] == pytest.approx([1, 2, 3], rel=0.02)
    assert last["effective_rank_share"] == pytest.approx([1 / 8, 2 / 8, 3 / 8], rel=0.02)
    assert last["feature_variance"] == pytest.approx([1 / 8, 2 / 8, 3 / 8], rel=0.2)
    assert last["feature_cosine"] == pytest.approx([0, 0, 0], abs=0.02)
    assert [isinstance(item, Evaluation) for item in news[4:]] == ([True] if trainer is Evaluated else [])


def test_a_metric_of_the_trainers_own_comes_first(tmp_path: Path) -> None:
    """One that it calls like a column of its features stays what it says."""

    class Named(Featured):
        def train(self, epochs: int) -> Any:
            for metrics in super().train(epochs):
                yield {**metrics, "effective_rank": [9.0] * len(self.seeds)}

    *_, last = unit_of(tmp_path, Named).news()
    assert isinstance(last, EpochReport)
    assert list(last.metrics["effective_rank"]) == [9.0, 9.0, 9.0]
    assert "feature_cosine" in last.metrics


@pytest.mark.parametrize("trainer", [Featured, Evaluated])
@pytest.mark.parametrize(
    ("features", "cause"),
    [
        (ValueError("no such layer: 'latent'"), "ValueError: no such layer: 'latent'"),
        (MemoryError("8 GB"), "MemoryError: 8 GB"),
        (SystemExit(3), "SystemExit: "),
        (
            [np.ones((4, 2))],
            "TrainerMistake: features() of trainer {name}, epoch 4: 1 matrices for 3 seeds; one per seed, in their",
        ),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_mistake_in_features_costs_these_alone(tmp_path: Path, trainer: Any, features: Any, cause: str) -> None:
    """Every epoch is told and saved, the evaluation is had, and what was wrong is told with the last epoch."""
    news = list(unit_of(tmp_path, trainer, {"features": features}).news())
    assert [type(item) for item in news] == [EpochReport] * 4 + [Evaluation] * (trainer is Evaluated)
    last = news[3]
    assert isinstance(last, EpochReport)
    assert last.saved
    assert last.featureless is not None
    assert last.featureless.cause.startswith(cause.format(name=f"{trainer.__module__}:{trainer.__name__}"))
    assert not last.metrics.keys() & set(COLUMNS)
    assert len(saved(tmp_path)) == 3


def test_no_features_are_nothing_to_tell(tmp_path: Path) -> None:
    """A trainer may have them for some settings only."""
    *_, last = unit_of(tmp_path, Featured, {"features": None}).news()
    assert isinstance(last, EpochReport)
    assert last.featureless is None
    assert not last.metrics.keys() & set(COLUMNS)


def test_features_are_asked_for_when_the_state_is_durable(tmp_path: Path) -> None:
    """A process that dies of them has its training behind it."""
    seen = []

    class Watching(Featured):
        def features(self) -> Any:
            seen.append(saved(tmp_path))
            return super().features()

    list(unit_of(tmp_path, Watching).news())
    assert seen == [[f"seed-{seed}-epoch-000004.pt" for seed in (1, 2, 3)]]


def test_threads_are_limited_before_and_after_pytorch_is_loaded() -> None:
    """Without loading it for a trainer that does not."""
    source = """
import sys
from tune.drivers.process_state import limit_threads
limit_threads(1)
assert "torch" not in sys.modules
import torch
assert torch.get_num_threads() == 1
limit_threads(3)
assert torch.get_num_threads() == 3
"""
    subprocess.run([sys.executable, "-c", source], check=True)


class Wandering(Quadratic):
    """Goes into another folder in each epoch, and says where it was; the folder is gone in the end."""

    def train(self, epochs: int) -> Iterator[dict[str, list[float]]]:
        for row in super().train(epochs):
            folder = Path(self.recording["folders"]) / str(len(self.recording["been"]))
            folder.mkdir()
            self.recording["been"].append(Path.cwd().name)
            os.chdir(folder)
            yield row
        folder.rmdir()


def test_a_trainer_may_go_elsewhere_and_nobody_else_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is relative of the study's is found where it was, checkpoints too; the trainer stays where it went."""
    home = tmp_path / "home"
    (tmp_path / "folders").mkdir()
    home.mkdir()
    monkeypatch.chdir(home)
    been: list[str] = []
    unit = unit_of(Path("results"), Wandering, {"folders": str(tmp_path / "folders"), "been": been})
    for item in unit.news():
        assert isinstance(item, EpochReport)
        assert Path.cwd() == home
    unit.close()
    assert been == ["home", "0", "1", "2"]
    assert Path.cwd() == home
    assert len(saved(home)) == 3
