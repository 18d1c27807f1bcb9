"""A study that chooses by another recording than the one it trains on."""

from pathlib import Path

import numpy as np
import pytest

from tests.behaviour.command import here, ledger_of, write_study
from tests.behaviour.refusals import SPLIT, check_refused, snapshot

RUN = ["run", "study.yaml", "--driver", "inline"]


@pytest.fixture
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a study of noisy waves, and beside them the waves without noise, which change less."""
    cwd = tmp_path
    monkeypatch.chdir(cwd)
    monkeypatch.setenv("LATENT_TUNE_CACHE", str(cwd / "cache"))
    smooth = np.sin(np.arange(60)[:, None] * np.linspace(0.1, 0.4, 4)).astype(np.float32)
    np.save(cwd / "smooth.npy", smooth)
    np.save(cwd / "noisy.npy", smooth + np.random.default_rng(0).standard_normal((60, 4)).astype(np.float32))
    write_study(
        cwd,
        trainer="model.trainer:LatentEvolutionTrainer",
        recording={"path": "noisy.npy", "split": SPLIT, "others": {"smooth": {"path": "smooth.npy", "split": SPLIT}}},
        fixed={"hidden_units": 8, "batch_size": 8, "latent_dims": 3, "rollout_steps": 4, "device": "cpu"},
        space={"learning_rate": {"log_uniform": [1e-3, 1e-2]}},
        search={"method": "random", "trials": 2, "seed": 3},
        rungs=[{"epochs": 2, "seeds": 3}],
    )
    return cwd


@pytest.mark.parametrize("metric", ["validation_loss@smooth", "rollout_horizon@smooth"])
def test_trials_are_ranked_by_it(cwd: Path, metric: str) -> None:
    """It is scored like any metric by its name, against the constant model on that recording."""
    said = here(*RUN, "--set", f"score.metric={metric}", "--set", "name=chosen")
    assert said.code in {0, 1}, said.err  # 1: no seed was better than the constant model
    ledger = ledger_of(cwd / "results" / "chosen")
    rows = np.load(cwd / "smooth.npy")[slice(*SPLIT["validation"])].astype(float)
    baseline = np.mean(np.diff(rows, axis=0) ** 2) if metric.startswith("validation") else 1.0
    assert ledger.scored_baseline == pytest.approx(baseline, rel=1e-5)
    assert ledger.study.score.maximize == metric.startswith("rollout")
    assert f"{metric}, higher" in said.out if ledger.study.score.maximize else metric in said.out


def test_what_was_read_is_said_and_a_replaced_file_is_refused(cwd: Path) -> None:
    """Its file is fingerprinted as that of the recording is, and told by its path."""
    said = here(*RUN)
    assert "smooth: 60 rows x 4 neurons, float32, from smooth.npy" in said.out
    np.save(cwd / "smooth.npy", 2 * np.load(cwd / "smooth.npy"))
    before = snapshot(cwd / "results")
    check_refused(here(*RUN), "others.smooth.path: smooth.npy has other content")
    assert snapshot(cwd / "results") == before


def test_other_neurons_are_refused_before_anything_trains(cwd: Path) -> None:
    """One message says which recording, what it has and what it must have."""
    np.save(cwd / "smooth.npy", np.load(cwd / "smooth.npy")[:, :3])
    check_refused(
        here(*RUN), "recording.others.smooth: must have the 4 neurons of the recording that is trained on, got 3"
    )
