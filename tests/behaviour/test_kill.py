"""`kill -9` at any moment, then `resume`: nothing is lost, nothing is decided twice, and the answer is the same."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import optuna
import pandas as pd
import pytest
import yaml

import latent_tune
from tests.behaviour.command import Running, Stored, Trained, decided, here, ledger_of, runs_of, status, write_study
from tune.ledger.curves.appended import APPENDED
from tune.ledger.curves.store import CurveStore
from tune.ledger.database.database import Database

SEED = 20
"""Of the moments."""
SEED_EPOCHS_OF_A_UNIT = 3
"""Most seeds that train together: with the inline driver at most one epoch of them is under way at a kill."""

CHANGES: dict[str, Any] = {
    "fixed": {"sleep_s": 0.01},
    "search": {"method": "tpe", "trials": 9, "seed": 5},
    "rungs": [{"epochs": 3, "seeds": 2}, {"epochs": 6, "seeds": 3}, {"epochs": 12, "seeds": 3}],
}


@dataclass(frozen=True)
class Seen:
    """What shows from outside how far a study is: its folder, and what its trainer wrote down."""

    folder: Path
    trained: Trained


def leave_as_it_is(folder: Path) -> None:
    """Does no harm beyond the kill."""


@dataclass(frozen=True)
class Moment:
    """When to kill: a name, how one sees that it has come, and what harm is done to the folder besides."""

    name: str
    come: Callable[[Seen], bool]
    harm: Callable[[Path], None] = leave_as_it_is


def moments(total: int) -> list[Moment]:
    """Five moments of a study of so many seed-epochs, in their order, drawn with a seed."""
    draw = Random(SEED)  # noqa: S311
    first, later = draw.randrange(2, 6), draw.randrange(total // 2, total * 3 // 4)
    return [
        Moment("right after the start", lambda seen: (seen.folder / "study.db").exists()),
        Moment("in the first rung", lambda seen: seen.trained.distinct >= first),
        Moment(
            "between two rungs",  # checkpoint written, perhaps the curve, perhaps the decision
            lambda seen: any(seen.folder.glob("checkpoints/1/seed-*-epoch-000003.pt")),
        ),
        Moment("in a later rung", lambda seen: seen.trained.distinct >= later and seen.trained.latest_epoch > 6),
        Moment("just before the end", lambda seen: seen.trained.distinct >= total - 4),
    ]


@dataclass
class Killed:
    """One kill: the moment, epochs trained by then, those that must be redone, those that nobody was told of."""

    moment: str
    trained: int
    at_risk: int
    untold: int


@dataclass(frozen=True)
class Whole:
    """The study as nobody interrupted it: its folder and what it trained."""

    folder: Path
    seed_epochs: int


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """The study, run in one go."""
    cwd = tmp_path_factory.mktemp("whole")
    write_study(cwd, **CHANGES)
    log = cwd / "log"
    said = here("run", cwd / "study.yaml", "--results", cwd, "--driver", "inline", QUADRATIC_LOG=str(log))
    assert said.code == 0, said.err
    trained = Trained.read(log)
    assert trained.repeated == 0
    return Whole(cwd / "tiny", trained.distinct)


def kill_and_resume(cwd: Path, driver: str, chosen: list[Moment], **changes: Any) -> list[Killed]:
    """Runs the study, kills it at each moment, resumes it each time, and lets it finish in the end, inline."""
    write_study(cwd, **{**CHANGES, **changes})
    folder, log = cwd / "results" / "tiny", cwd / "log"
    arguments = ("run", "study.yaml", "--driver", driver)
    kills: list[Killed] = []
    for moment in chosen:
        with Running(cwd, *arguments, QUADRATIC_LOG=str(log)) as process:
            process.until(lambda moment=moment: moment.come(Seen(folder, Trained.read(log))), moment.name)  # type: ignore[misc]
            process.kill()
        trained, stored = Trained.read(log), Stored.read(folder)
        # Less than none where what an earlier kill left untold was read from beside its checkpoint since.
        untold = max(0, len(trained.lines) - stored.rows - sum(kill.untold for kill in kills))
        kills.append(Killed(moment.name, trained.distinct, stored.at_risk, untold))
        moment.harm(folder)
        if (folder / "study.yaml").exists():  # until then there is nothing to resume, and `run` begins again
            arguments = ("resume", "results/tiny")
    said = here("resume", folder, "--driver", "inline", QUADRATIC_LOG=str(log))
    assert said.code == 0, said.err
    return kills


def check_whole(folder: Path) -> None:
    """Every trial is there once and closed, in the ledger and in Optuna; every curve has each of its epochs once.

    So do the curves as they lie on the disk, whatever was trained again.
    """
    ledger = ledger_of(folder)
    assert [trial.number for trial in ledger.trials] == list(range(9))
    assert all(trial.confirmed or trial.ended for trial in ledger.trials)
    starts = [decision.trial for decision in ledger.decisions if decision.kind == "start"]
    assert starts == list(range(9))
    reached = [(decision.trial, decision.rung) for decision in ledger.decisions if decision.kind == "reach"]
    assert len(reached) == len(set(reached))

    storage = optuna.storages.RDBStorage(f"sqlite:///{folder / 'study.db'}")
    optuna_trials = optuna.load_study(study_name="tiny", storage=storage).get_trials(deepcopy=False)
    storage.engine.dispose()
    assert [trial.number for trial in optuna_trials] == list(range(9))
    assert all(trial.state.is_finished() for trial in optuna_trials)

    table = CurveStore(folder / "curves", writable=False).table()
    epochs: dict[tuple[int, int], list[int]] = {}
    for run, epoch in zip(runs_of(table), table["epoch"].to_pylist(), strict=True):
        epochs.setdefault(run, []).append(epoch)
    assert all(found == list(range(1, len(found) + 1)) for found in epochs.values())
    shown = pd.read_parquet(folder / "curves").sort_values(["trial", "seed", "epoch"], ignore_index=True)
    pd.testing.assert_frame_equal(shown, latent_tune.open(folder).curves(), check_exact=True)
    for trial in ledger.trials:
        assert trial.last is not None
        rung = ledger.study.rungs[trial.last.rung]
        assert {run: len(epochs[run]) for run in epochs if run[0] == trial.number} == {
            (trial.number, seed): rung.epochs for seed in ledger.study.rung_seeds(trial.last.rung)
        }


def check_account(cwd: Path, kills: list[Killed], *, exact: bool) -> None:
    """What was trained again adds up: what the trainer wrote down is what the study counts, but for the untold.

    lines of the trainer = spent + redone + untold: an epoch is untold when its report had not reached the driver at
    the kill; it is trained again, and counts once, unless a checkpoint has saved it with what was reported of it.
    Redone is what lay after the newest checkpoints at the kills.
    """
    trained, stored, said = (
        Trained.read(cwd / "log"),
        Stored.read(cwd / "results" / "tiny"),
        status(cwd / "results" / "tiny"),
    )
    untold, at_risk = sum(kill.untold for kill in kills), sum(kill.at_risk for kill in kills)
    lines = [f"{kill.moment:<24} {kill.trained:>7}  {kill.at_risk:>7}  {kill.untold:>6}" for kill in kills]
    sums = f"{said['seed_epochs_spent']} seed-epochs, {said['seed_epochs_redone']} redone, {untold} untold"
    sys.stdout.write("\n".join(["", "moment                   trained  at risk  untold", *lines, sums, ""]))
    assert said["seed_epochs_spent"] == trained.distinct == sum(stored.epochs.values())
    assert said["seed_epochs_redone"] == stored.rows - sum(stored.epochs.values())
    assert said["seed_epochs_redone"] <= trained.repeated <= said["seed_epochs_redone"] + untold
    assert said["seed_epochs_redone"] <= at_risk
    if exact and not untold:  # else a checkpoint may hold what its report did not tell, and less was at risk
        assert said["seed_epochs_redone"] == at_risk
    assert said["sessions"] == ["lost"] * said["sessions"].count("lost") + ["finished"]
    early = kills[0].trained == 0  # it may have come before the ledger was open
    assert len(kills) - early <= said["sessions"].count("lost") <= len(kills)
    assert sum(said["trials"].values()) == 9


def check_same_answer(one: Path, other: Path) -> None:
    """Decisions, parameters, winner and every bit of every curve are those of the uninterrupted study."""
    first, second = ledger_of(one), ledger_of(other)
    assert decided(second) == decided(first)
    assert [trial.parameters for trial in second.trials] == [trial.parameters for trial in first.trials]
    assert second.curves().equals(first.curves())
    assert yaml.safe_load((other / "best.yaml").read_text()) == yaml.safe_load((one / "best.yaml").read_text())


def cut_stream(folder: Path) -> None:
    """Cuts the last batch of the curves, as a kill in the middle of a write does."""
    (stream,) = folder.glob("curves/*.arrows")
    with stream.open("r+b") as file:
        file.truncate(stream.stat().st_size - 7)


def cut_checkpoint(folder: Path) -> None:
    """Cuts the newest checkpoint."""
    newest = max(folder.glob("checkpoints/*/*.pt"), key=lambda path: path.stat().st_mtime_ns)
    with newest.open("r+b") as file:
        file.truncate(newest.stat().st_size // 2)


def leave_temporaries_and_an_old_lease(folder: Path) -> None:
    """Leaves what a kill between write and rename leaves, and a lease of another host, two minutes old."""
    home = next(folder.glob("checkpoints/*/"))
    (home / ".seed-1-epoch-000099.pt.4194000.tmp").write_bytes(b"half")
    (folder / "curves" / ".000001.parquet.4194000.tmp").write_bytes(b"half")
    (folder / ".study.yaml.4194000.tmp").write_bytes(b"half")
    database = Database(None, folder, "tiny", create=True)
    held = database.note("lease")
    assert held is not None
    gone = {**held, "host": "elsewhere", "machine": "elsewhere", "beat": held["beat"] - 120}
    assert database.replace_note("lease", held, gone)
    database.close()


def test_five_kills_change_nothing(tmp_path: Path, whole: Whole) -> None:
    """A study killed at five moments ends as if it had never been: same trials, curves, decisions and winner."""
    kills = kill_and_resume(tmp_path, "inline", moments(whole.seed_epochs))
    folder = tmp_path / "results" / "tiny"
    check_whole(folder)
    check_account(tmp_path, kills, exact=True)
    check_same_answer(whole.folder, folder)
    assert (folder / "curves" / APPENDED).is_dir() == (status(folder)["seed_epochs_redone"] > 0)
    assert all(kill.untold <= SEED_EPOCHS_OF_A_UNIT for kill in kills)


def test_with_a_checkpoint_every_epoch_no_finished_epoch_is_repeated(tmp_path: Path, whole: Whole) -> None:
    """Only epochs that were being trained at the kill are trained again; none that the ledger has."""
    chosen = [
        moment for moment in moments(whole.seed_epochs) if moment.name in ("in the first rung", "in a later rung")
    ]
    kills = kill_and_resume(tmp_path, "inline", chosen, storage={"checkpoints": "every_epoch"})
    folder = tmp_path / "results" / "tiny"
    check_account(tmp_path, kills, exact=True)
    check_same_answer(whole.folder, folder)
    assert status(folder)["seed_epochs_redone"] == 0


def test_what_a_kill_leaves_half_written_is_survived(tmp_path: Path, whole: Whole) -> None:
    """A cut stream of curves, a cut checkpoint, temporary files and a stale lease change nothing of the answer."""
    half = whole.seed_epochs // 2
    chosen = [
        Moment("early", lambda seen: seen.trained.latest_epoch == 2, cut_stream),
        Moment("in the middle", lambda seen: seen.trained.distinct > half, cut_checkpoint),
        Moment("late", lambda seen: seen.trained.highest_epoch > 8, leave_temporaries_and_an_old_lease),
    ]
    kill_and_resume(tmp_path, "inline", chosen, storage={"checkpoints": "every_epoch"})
    folder = tmp_path / "results" / "tiny"
    check_whole(folder)
    check_same_answer(whole.folder, folder)
    left = {path.suffix for path in (folder / "curves").rglob("*") if path.is_file()}
    assert left <= {".parquet", ".rows"}


@pytest.mark.slow
@pytest.mark.cluster
def test_kills_change_nothing_on_ray(tmp_path: Path, whole: Whole) -> None:
    """The same on Ray with one slot, where what the driver left behind dies with it; it is finished without Ray."""
    one_slot = {"cpus_per_trial": os.cpu_count()}
    kills = kill_and_resume(tmp_path, "ray", moments(whole.seed_epochs)[1:4], resources=one_slot)
    folder = tmp_path / "results" / "tiny"
    check_whole(folder)
    check_account(tmp_path, kills, exact=False)
    check_same_answer(whole.folder, folder)
