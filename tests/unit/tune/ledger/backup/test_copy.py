"""`storage.shared`: what it may say, and the copy of the ledger that is kept there."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.fakes.clock import Clock
from tests.fakes.ledgers import killed, start, train
from tests.fakes.studies import quadratic_study
from tune.errors import StudyBusy, StudyConflict, UserMistake
from tune.ledger.backup.copy import LedgerCopy
from tune.ledger.backup.restore import fetch
from tune.ledger.checkpoints.store import UnreportedEpoch
from tune.ledger.curves.appended import APPENDED
from tune.ledger.ledger import Ledger
from tune.ledger.reader import LedgerReader


def opened(folder: Path, shared: Path, **changes: Any) -> Ledger:
    """A study whose copy is brought up to date by hand."""
    storage = {"shared": str(shared), "copy_every": 3600, **changes}
    return Ledger.open(quadratic_study(storage=storage), folder, clock=Clock(tick_s=1.0))


def copied(ledger: Ledger) -> LedgerCopy:
    assert ledger._copy is not None
    ledger._copy._copy(ledger._copy._shared)
    return ledger._copy


def lost(ledger: Ledger) -> None:
    """What a SIGKILL leaves; the thread that keeps the copy goes with its process, which is dead in the copy too."""
    killed(ledger)
    assert ledger._copy is not None
    ledger._copy._stop()
    ledger._copy._holder["pid"] = 2**22 + 1
    ledger._copy._tell_whose(ledger._copy._shared)
    with closing(sqlite3.connect(Path(ledger.study.storage.shared or "") / "quadratic" / "study.db")) as copy, copy:
        (lease,) = copy.execute("SELECT value FROM latent_tune_notes WHERE key = 'lease'").fetchone()
        dead = json.dumps({**json.loads(lease), "pid": 2**22 + 1})
        copy.execute("UPDATE latent_tune_notes SET value = ? WHERE key = 'lease'", (dead,))


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    (tmp_path / "lab").mkdir()
    return tmp_path / "lab"


def test_a_study_goes_on_from_its_copy(tmp_path: Path, shared: Path) -> None:
    """What was copied is all there elsewhere: decisions, curves, checkpoints."""
    ledger = opened(tmp_path / "a" / "quadratic", shared)
    trial = start(ledger)
    train(ledger, trial, range(1, 5))
    ledger.close("interrupted")
    assert not (tmp_path / "a" / "quadratic" / "checkpoints").exists()
    folder = fetch(str(shared / "quadratic"), tmp_path / "b")
    again = opened(folder, shared)
    assert again.done(trial) == {1: 4, 2: 4}
    assert (again.spent, again.redone) == (8, 0)
    assert again.sessions[0].ended == "interrupted"
    again.close("interrupted")


def test_what_was_saved_since_the_copy_is_told_by_the_checkpoints(tmp_path: Path, shared: Path) -> None:
    """The machine is lost between two copies: epochs that a checkpoint holds are not trained again."""
    ledger = opened(tmp_path / "a" / "quadratic", shared)
    trial = start(ledger)
    train(ledger, trial, range(1, 3))
    copied(ledger)
    for epoch in (3, 4):
        ledger.record(trial, (1, 2), epoch, {"validation_loss": [1 / epoch] * 2})
        told = UnreportedEpoch(epoch, {"validation_loss": [1 / epoch] * 2}, 0.5, "none", {"validation_loss": 1.0})
        ledger.checkpoints.save(trial, epoch, {1: {"epoch": epoch}, 2: {"epoch": epoch}}, [told])
        ledger.saved(trial, (1, 2), epoch)
    other = start(ledger)
    train(ledger, other, range(1, 3))
    lost(ledger)
    folder = fetch(str(shared / "quadratic"), tmp_path / "b")
    again = opened(folder, shared)
    assert len(again.trials) == 1
    assert again.done(trial) == {1: 4, 2: 4}
    assert list(again.curve(trial, 1)) == [1.0, 0.5, 1 / 3, 0.25]
    assert again.redone == 0
    assert (shared / "quadratic" / "damaged" / "checkpoints-1.1" / "seed-1-epoch-000002.pt").exists()
    again.close("interrupted")


def test_nothing_is_removed_before_the_copy_can_do_without(tmp_path: Path, shared: Path) -> None:
    """Earlier checkpoints and what was told wait for the next copy, and go then."""
    ledger = opened(tmp_path / "a" / "quadratic", shared)
    trial = start(ledger)
    train(ledger, trial, range(1, 3))
    copied(ledger)
    train(ledger, trial, range(3, 5))
    assert ledger.checkpoints.epochs(trial) == {1: [2, 4], 2: [2, 4]}
    copied(ledger)
    assert ledger.checkpoints.epochs(trial) == {1: [4], 2: [4]}
    ledger.forget(trial)
    assert ledger.checkpoints.trials() == [trial]
    ledger.close("interrupted")
    assert ledger.checkpoints.trials() == []


def test_curves_of_a_copy_are_never_behind_its_decisions(tmp_path: Path, shared: Path) -> None:
    """Streams and sealed files are both copied, and those that the study has no more go."""
    ledger = opened(tmp_path / "a" / "quadratic", shared)
    trial = start(ledger)
    train(ledger, trial, range(1, 3))
    copied(ledger)
    assert [path.name for path in (shared / "quadratic" / "curves").iterdir()] == ["000001.arrows"]
    ledger._curves.seal(longer_than=0)
    train(ledger, trial, range(3, 5))
    copied(ledger)
    assert sorted(path.name for path in (shared / "quadratic" / "curves").iterdir()) == [
        "000001.parquet",
        "000002.arrows",
    ]
    lost(ledger)
    again = LedgerReader.read(fetch(str(shared / "quadratic"), tmp_path / "b"), clock=Clock(tick_s=1.0))
    assert [len(again.curve(trial, seed)) for seed in (1, 2)] == [4, 4]


def test_a_live_study_is_not_fetched(tmp_path: Path, shared: Path) -> None:
    """Nor one that is there, nor one that is none; and a copy is not worked on where it lies."""
    ledger = opened(tmp_path / "a" / "quadratic", shared)
    with pytest.raises(StudyBusy, match=r"process \d+ on .* works on this study"):
        fetch(str(shared / "quadratic"), tmp_path / "b")
    ledger.close("interrupted")
    with pytest.raises(UserMistake, match="is there already"):
        fetch(str(shared / "quadratic"), tmp_path / "a")
    with pytest.raises(UserMistake, match="no copy of a study there"):
        fetch(str(shared / "other"), tmp_path / "b")
    with pytest.raises(UserMistake, match="must end with the name of a study"):
        fetch(str(shared / "QUADRATIC"), tmp_path / "b")
    with pytest.raises(UserMistake, match="is the copy of a study"):
        opened(shared / "quadratic", shared)
    assert not (tmp_path / "b" / "quadratic").exists()


def test_one_study_one_copy(tmp_path: Path, shared: Path) -> None:
    """Another study of the name is refused; so is a folder whose study was continued elsewhere meanwhile."""
    first = opened(tmp_path / "a" / "quadratic", shared)
    first.close("interrupted")
    with pytest.raises(StudyConflict, match=r"holds a study that .* does not know"):
        opened(tmp_path / "b" / "quadratic", shared)
    assert not (tmp_path / "b").exists()
    opened(tmp_path / "a" / "quadratic", shared).close("interrupted")
    opened(fetch(str(shared / "quadratic"), tmp_path / "c"), shared).close("interrupted")
    with pytest.raises(StudyConflict, match="does not know"):
        opened(tmp_path / "a" / "quadratic", shared)


def test_who_lost_the_copy_stops(tmp_path: Path, shared: Path) -> None:
    """A process that comes back after another machine went on writes neither copy nor decision any more."""
    ledger = opened(tmp_path / "a" / "quadratic", shared)
    lost(ledger)
    other = opened(fetch(str(shared / "quadratic"), tmp_path / "b"), shared)
    assert ledger._copy is not None
    with pytest.raises(StudyBusy, match="keeps the copy"):
        ledger._copy._tell_whose(ledger._copy._shared)
    other.close("interrupted")


@pytest.mark.parametrize("what", ["missing", "file", "locked"])
def test_a_folder_that_cannot_be_used_is_said_at_once(tmp_path: Path, what: str) -> None:
    """Before anything is written, in one line."""
    from tune.ledger.backup.check import refuse_unusable

    place = tmp_path / "lab"
    if what == "file":
        place.touch()
    elif what == "locked":
        place = Path("/proc")
    with pytest.raises(UserMistake, match=r"storage\.shared: ") as caught:
        refuse_unusable(quadratic_study(storage={"shared": str(place)}))
    assert "\n" not in str(caught.value)


def test_a_copy_has_rows_as_they_were_appended(tmp_path: Path, shared: Path) -> None:
    """What was trained again is counted where the study goes on from its copy, and is shown once there too."""
    ledger = opened(tmp_path / "a" / "quadratic", shared)
    trial = start(ledger)
    train(ledger, trial, range(1, 3))
    train(ledger, trial, range(3, 5), save=False)
    lost(ledger)
    ledger = opened(tmp_path / "a" / "quadratic", shared)
    train(ledger, trial, range(3, 6))
    ledger.close("interrupted")
    assert (tmp_path / "a" / "quadratic" / "curves" / APPENDED / "000001.rows").exists()
    folder = fetch(str(shared / "quadratic"), tmp_path / "b")
    again = opened(folder, shared)
    assert (again.spent, again.redone) == (10, 4)
    assert again.curves().equals(LedgerReader.read(tmp_path / "a" / "quadratic", clock=Clock()).curves())
    assert pd.read_parquet(folder / "curves")["epoch"].value_counts().to_dict() == dict.fromkeys(range(1, 6), 2)
    again.close("interrupted")
    assert fetch(str(shared / "quadratic"), tmp_path / "c").is_dir()
    assert LedgerReader.read(tmp_path / "c" / "quadratic", clock=Clock()).redone == 4
