"""Trackers while a study is worked on: those that fail, hang, leave or are away."""

import re
import threading
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.behaviour.command import poll, text_of
from tests.fakes.clock import Clock
from tests.fakes.ledgers import Player, latent_study, played
from tests.fakes.loggers import epochs_told, told
from tune.ledger.ledger import Ledger
from tune.ledger.log import logged
from tune.study.study import Study
from tune.views.console import Terminal
from tune.views.trackers import tracking
from tune.views.trackers.tracking import Trackers

FAKES = "tests.fakes.loggers"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pauses are short, and no thread is left that could take anything."""
    monkeypatch.setattr(tracking, "_PACE_S", 0.01)
    monkeypatch.setattr(tracking, "_LONGEST_PAUSE_S", 0.02)
    yield
    hung = [thread for thread in threading.enumerate() if thread.name.endswith(("Recorded", "Away", "Leaves"))]
    for thread in hung:
        thread.join(10)
        assert not thread.is_alive()


def study(**loggers: Any) -> Study:
    """A small study that names loggers of the fakes."""
    named = {f"{FAKES}:{name}": options for name, options in loggers.items()}
    return latent_study(search={"method": "random", "trials": 4, "seed": 90, "reduction_factor": 2}, loggers=named)


class Worked:
    """A study that is worked on while trackers are told, with what was printed and logged."""

    def __init__(self, folder: Path, of: Study, after_each: Callable[[], None] = lambda: None) -> None:
        clock, out = Clock(), StringIO()
        with logged(folder.parent / "log.txt"):
            self.ledger = Ledger.open(of, folder, clock=clock)
            trackers = Trackers(self.ledger, Terminal(file=out, width=10_000))
            player = Player(self.ledger, clock)
            begun = monotonic()

            def refresh() -> None:
                after_each()
                trackers.refresh()

            player.play(after_each=refresh)
            player.optimizer.finish()
            trackers.close(finished=True)
            self.took_s = monotonic() - begun
            self.ledger.close("finished")
        self.printed, self.logged = out.getvalue(), text_of(folder.parent / "log.txt")


def test_all_is_told_when_the_study_ends(tmp_path: Path) -> None:
    """Every run, by the time that the study is finished, and the logger is closed."""
    log = tmp_path / "told"
    worked = Worked(tmp_path / "s", study(Recorded={"file": str(log)}))
    assert len(epochs_told(log)) == worked.ledger.curves().num_rows
    assert told(log)[-1]["what"] == "close"
    assert worked.printed == f"every run is told to {FAKES}:Recorded\n"
    assert worked.logged == ""


def test_one_that_is_away_is_told_all_when_it_is_back(tmp_path: Path) -> None:
    """That it is away is said once, that it is back too; nothing is missing or twice, and its password is not shown."""
    log, away = tmp_path / "told", tmp_path / "away"
    away.touch()
    units = 0

    def come_back() -> None:
        nonlocal units
        units += 1
        if units == 3:
            away.unlink()
            poll(lambda: bool(told(log, "start")), "the tracker to be told something", 10)

    worked = Worked(tmp_path / "s", study(Away={"file": str(log), "away": str(away)}), come_back)
    assert len(epochs_told(log)) == worked.ledger.curves().num_rows
    assert set(epochs_told(log).values()) == {1}
    assert re.findall("takes nothing|takes what it is told again", worked.printed) == [
        "takes nothing",
        "takes what it is told again",
    ]
    assert "ConnectionError: http://***@tracker/: connection refused; the study goes on" in worked.printed
    assert f"latent-tune resume {tmp_path / 's'}" in worked.printed
    assert "Traceback" in worked.logged
    assert "hunter2" not in worked.printed + worked.logged


def test_one_that_stays_away_is_told_the_rest_at_resume(tmp_path: Path) -> None:
    """The study ends without waiting for it; told again when it is there, nothing is missing or twice."""
    log, away = tmp_path / "told", tmp_path / "away"
    away.touch()
    worked = Worked(tmp_path / "s", study(Away={"file": str(log), "away": str(away)}))
    assert told(log, "epoch") == []
    assert worked.took_s < tracking.PATIENCE_S
    away.unlink()
    for _ in range(2):
        Trackers(worked.ledger, Terminal(file=StringIO())).close(finished=True)
    assert len(epochs_told(log)) == worked.ledger.curves().num_rows
    assert set(epochs_told(log).values()) == {1}


def test_one_that_leaves_ends_no_study(tmp_path: Path) -> None:
    """A logger that calls sys.exit is like one that fails."""
    worked = Worked(tmp_path / "s", study(Leaves={"file": str(tmp_path / "told")}))
    assert "Leaves takes nothing: SystemExit: 3" in worked.printed
    assert all(trial.confirmed or trial.ended for trial in worked.ledger.trials)


def test_one_that_hangs_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The study goes on meanwhile, and its end waits only so long; both is said once, and others are told all."""
    monkeypatch.setattr(tracking, "PATIENCE_S", 0.3)
    monkeypatch.setattr(tracking, "_SILENT_S", 0.0)
    log, hung = tmp_path / "told", tmp_path / "hung"
    worked = Worked(
        tmp_path / "s",
        study(Hangs={"file": str(hung)}, Recorded={"file": str(log)}),
        lambda: poll(lambda: bool(told(hung, "start")), "the logger to hang", 10),
    )
    assert all(trial.confirmed or trial.ended for trial in worked.ledger.trials)
    assert len(re.findall("Hangs has not answered for 0 s; the study goes on", worked.printed)) == 1
    assert "Hangs has not taken everything within 0 s" in worked.printed
    assert len(epochs_told(log)) == worked.ledger.curves().num_rows


def test_nothing_is_made_again_where_the_folder_is_gone(tmp_path: Path) -> None:
    """A study whose folder was removed does not come back as a folder of marks."""
    ledger = played(tmp_path / "s", study(Recorded={"file": str(tmp_path / "told")}))
    (tmp_path / "s").rename(tmp_path / "elsewhere")
    Trackers(ledger, Terminal(file=StringIO())).close(finished=True)
    assert not (tmp_path / "s").exists()
