"""Weights & Biases, offline: what lies in its files after a study, and after one that was cut short."""

from pathlib import Path
from typing import Any

import pytest

from tests.fakes.clock import Clock
from tests.fakes.ledgers import Player, latent_study, played
from tests.fakes.offline_wandb import OfflineRun, offline_runs
from tune.ledger.ledger import Ledger
from tune.ledger.reader import LedgerReader
from tune.ledger.storage.files import refuse_links
from tune.study.loggers import WandbOptions
from tune.views.trackers.follower import Follower
from tune.views.trackers.marks import Marks
from tune.views.trackers.sending import send
from tune.views.trackers.wandb import WandbRuns

TINY: dict[str, Any] = {
    "search": {"method": "random", "trials": 2, "seed": 90},
    "rungs": [{"epochs": 2, "seeds": 2}, {"epochs": 4, "seeds": 2}],
    "confirm": {"seeds": 2},
}
OFFLINE = WandbOptions(project="flies", mode="offline")

pytestmark = pytest.mark.timeout(120)


def check(runs: list[OfflineRun], ledger: LedgerReader) -> None:
    """Every run is there once, whole: each epoch once, with the losses that the curves have."""
    by_name = {run.name: run for run in runs}
    assert len(by_name) == len(runs) == 1 + len(ledger.trials) + len({*_keys(ledger)})
    for trial, seed in {*_keys(ledger)}:
        run = by_name[f"trial-{trial:04d}/seed-{seed}"]
        rows = [row for row in ledger.curves().to_pylist() if (row["trial"], row["seed"]) == (trial, seed)]
        assert [line["_step"] for line in run.history] == [row["epoch"] for row in rows]
        assert [line["validation_loss"] for line in run.history] == [row["validation_loss"] for row in rows]
        assert (run.group, run.job_type) == (f"batch-norm/trial-{trial:04d}", "seed")
        assert run.config["seed"] == seed


def _keys(ledger: LedgerReader) -> list[tuple[int, int]]:
    return [(row["trial"], row["seed"]) for row in ledger.curves().to_pylist()]


def test_a_study_is_sent_whole(tmp_path: Path) -> None:
    """A run for the study, each trial and each seed, grouped by trial, with parameters, epochs and how it ended."""
    ledger = played(tmp_path / "s", latent_study(**TINY))
    where = send(tmp_path / "s", {"wandb": {"project": "flies", "mode": "offline"}})
    assert where == [f"wandb ({tmp_path / 's' / '.wandb'}, offline)"]
    runs = offline_runs(tmp_path / "s")
    check(runs, ledger)
    best = next(trial for trial in ledger.trials if trial.confirmed)
    run = next(run for run in runs if run.name == f"trial-{best.number:04d}")
    assert (run.summary["state"], run.exit_code, run.project) == ("confirmed", 0, "flies")
    assert best.last is not None
    assert run.summary["summary/score"] == best.last.score
    assert run.config["learning_rate"] == best.parameters["learning_rate"]
    refuse_links(tmp_path / "s")


def test_what_a_killed_process_left_is_written_anew(tmp_path: Path) -> None:
    """Files of a run that was not finished give way to whole ones; runs that were finished stay as they are."""
    clock = Clock()
    ledger = Ledger.open(latent_study(**TINY), tmp_path / "s", clock=clock)
    player = Player(ledger, clock)
    marks, logger = Marks(tmp_path / "marks"), WandbRuns(OFFLINE, tmp_path / "s")
    follower = Follower(ledger, logger, marks, lambda: None)
    player.play(units=1)
    follower.follow()
    work = player.optimizer.next_work()
    assert work is not None
    player.train(work, epochs=1)
    follower.follow()
    finished = {file for file in tmp_path.rglob("run-*.wandb") if "trial-0000-seed" in file.name}
    cut = {file for file in tmp_path.rglob("run-*.wandb") if "trial-0001-seed" in file.name}
    assert len(finished) == len(cut) == 2
    marks.close()
    logger.close()  # the ends of its runs are told nobody, as where it is killed

    player.train(work)
    player.optimizer.complete(work)
    player.play()
    player.optimizer.finish()
    again = Marks(tmp_path / "marks")
    Follower(ledger, WandbRuns(OFFLINE, tmp_path / "s"), again, lambda: None).close(finished=True)
    check(offline_runs(tmp_path / "s"), ledger)
