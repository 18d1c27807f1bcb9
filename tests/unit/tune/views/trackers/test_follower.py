"""From the ledger to a logger: what it is told, and how often."""

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.clock import Clock
from tests.fakes.ledgers import Player, latent_study, played
from tests.fakes.loggers import Asked, Recorded, Rewritten, epochs_told, told
from tune.ledger.ledger import Ledger
from tune.ledger.reader import LedgerReader
from tune.study.growth import extended
from tune.views.trackers.follower import Follower
from tune.views.trackers.logger import Logger
from tune.views.trackers.marks import Marks

SMALL: dict[str, Any] = {"search": {"method": "random", "trials": 6, "seed": 90, "reduction_factor": 2}}


def tell(ledger: LedgerReader, logger: Logger, marks: Path | None = None, *, finished: bool = True) -> None:
    """Tells a logger all that there is, as a process does that then ends."""
    kept = Marks(marks)
    Follower(ledger, logger, kept, lambda: None).close(finished=finished)
    kept.close()


def expected(ledger: LedgerReader) -> Counter[tuple[Any, ...]]:
    """Every epoch of every run, with the names of its metrics."""
    names = [name for name in ledger.curves().column_names if name not in ("trial", "seed", "epoch", "evaluated")]
    return Counter(
        (f"trial-{row['trial']:04d}/seed-{row['seed']}", row["epoch"], *sorted(n for n in names if row[n] is not None))
        for row in ledger.curves().to_pylist()
    )


def test_every_epoch_of_every_run_is_told_once_between_its_start_and_its_end(tmp_path: Path) -> None:
    """With the values that the curves have; a study and a trial are started before what is nested in them."""
    ledger, log = played(tmp_path / "s", latent_study(**SMALL)), tmp_path / "log"
    tell(ledger, Recorded(str(log)))
    assert epochs_told(log) == expected(ledger)
    assert max(epochs_told(log).values()) == 1
    rows = {(f"trial-{row['trial']:04d}/seed-{row['seed']}", row["epoch"]): row for row in ledger.curves().to_pylist()}
    for line in told(log, "epoch"):
        row = rows[line["run"], line["epoch"]]
        assert repr(line["metrics"]) == repr({name: row[name] for name in line["metrics"]})
    begun: set[str] = set()
    for line in told(log):
        if line["what"] == "start":
            assert line["parent"] is None or line["parent"] in begun
            begun.add(line["id"])
        elif line["what"] == "epoch":
            assert line["id"] in begun
    assert {line["id"] for line in told(log, "end")} == begun


def test_a_run_ends_as_its_trial_does(tmp_path: Path) -> None:
    """Confirmed, stopped and failed trials are told as such, with score and failure rate; the study has its best."""
    ledger, log = played(tmp_path / "s", latent_study(**SMALL), deaths={1: "it dies"}), tmp_path / "log"
    tell(ledger, Recorded(str(log)))
    last = {line["run"]: line for line in told(log, "end")}
    for trial in ledger.trials:
        line = last[f"trial-{trial.number:04d}"]
        assert line["state"] == (trial.ended or "confirmed")
        if trial.last is not None:
            assert line["summary"]["score"] == trial.last.score
    study = last["batch-norm"]
    assert (study["state"], study["summary"]["trials"]) == ("finished", 6)
    assert f"trial-{study['summary']['best_trial']:04.0f}" in last


@pytest.mark.parametrize("kind", [Recorded, Asked, Rewritten])
def test_told_step_by_step_by_several_processes_is_told_as_at_once(tmp_path: Path, kind: type[Recorded]) -> None:
    """Whether the tracker knows what it has, forgets it or the study keeps it: nothing is missing, nothing is twice."""
    log, clock, study = tmp_path / "log", Clock(), latent_study(**SMALL)
    for units in (3, 4, 1000):
        ledger = Ledger.open(study, tmp_path / "s", clock=clock)
        marks = Marks(tmp_path / "marks")
        follower = Follower(ledger, kind(str(log)), marks, lambda: None)
        player = Player(ledger, clock)
        player.play(units=units, after_each=follower.follow)
        if units == 1000:
            player.optimizer.finish()
        follower.close(finished=units == 1000)
        marks.close()
        ledger.close("finished" if units == 1000 else "interrupted")
    assert epochs_told(log) == expected(ledger)
    last = {line["run"]: line["state"] for line in told(log, "end")}
    assert {last[f"trial-{trial.number:04d}"] for trial in ledger.trials} <= {"confirmed", "stopped"}


def test_what_a_tracker_has_it_is_not_told_again(tmp_path: Path) -> None:
    """Without anything kept in the study folder, the tracker's own word counts."""
    ledger, log = played(tmp_path / "s", latent_study(**SMALL)), tmp_path / "log"
    for _ in range(2):
        tell(ledger, Asked(str(log)))
    assert epochs_told(log) == expected(ledger)


def test_with_marks_a_finished_run_is_not_even_started_again(tmp_path: Path) -> None:
    """A study that goes on costs a tracker nothing for what ended before."""
    ledger, log = played(tmp_path / "s", latent_study(**SMALL)), tmp_path / "log"
    tell(ledger, Recorded(str(log)), tmp_path / "marks")
    before = len(told(log))
    tell(ledger, Recorded(str(log)), tmp_path / "marks")
    assert [(line["what"], line["run"]) for line in told(log)[before:]] == [
        ("start", "batch-norm"),
        ("end", "batch-norm"),
    ]


def test_a_promoted_trial_is_started_again_and_a_study_that_grows_goes_on(tmp_path: Path) -> None:
    """Between its rungs a run is paused; after more epochs it ends once more, as the same run."""
    clock, log = Clock(), tmp_path / "log"
    tell(played(tmp_path / "s", latent_study(**SMALL)), Recorded(str(log)), tmp_path / "marks")
    first = {line["id"] for line in told(log, "start")}
    grown = extended(latent_study(**SMALL), "s", epochs=16)
    ledger = Ledger.open(grown, tmp_path / "s", clock=clock, grow=True)
    marks = Marks(tmp_path / "marks")
    follower, player = Follower(ledger, Recorded(str(log)), marks, lambda: None), Player(ledger, clock)
    player.play(after_each=follower.follow)
    follower.close(finished=True)
    assert epochs_told(log) == expected(ledger)
    assert {line["id"] for line in told(log, "start")} == first
    assert any(line["state"] == "paused" for line in told(log, "end"))
    longest = [line["run"] for line in told(log, "epoch") if line["epoch"] == 16]
    assert longest
    states = [line["state"] for line in told(log, "end", longest[0])]
    assert states.count("confirmed") == 2


def test_an_unfinished_run_waits_when_the_process_ends(tmp_path: Path) -> None:
    """What trained when the study was interrupted is not said to have ended; the study is interrupted."""
    clock, log = Clock(), tmp_path / "log"
    ledger = Ledger.open(latent_study(**SMALL), tmp_path / "s", clock=clock)
    player = Player(ledger, clock)
    work = player.optimizer.next_work()
    assert work is not None
    player.train(work, epochs=1)
    tell(ledger, Recorded(str(log)), finished=False)
    states = {line["run"]: line["state"] for line in told(log, "end")}
    assert states == {
        "trial-0000/seed-1": "waiting",
        "trial-0000/seed-12": "waiting",
        "trial-0000": "waiting",
        "batch-norm": "interrupted",
    }


def test_times_are_the_same_whenever_they_are_told(tmp_path: Path) -> None:
    """What is told again after a lost answer carries the same time: trackers that compare it keep it once."""
    ledger = played(tmp_path / "s", latent_study(**SMALL))
    seen: list[list[tuple[str, int, float]]] = []

    class Timed(Rewritten):
        def epoch(self, run: Any, epoch: int, metrics: Any) -> None:
            seen[-1].append((run.name, epoch, run.time))

        def end(self, run: Any, state: Any, summary: Any) -> None:
            seen[-1].append((run.name, -1, run.time))

    for _ in range(2):
        seen.append([])
        tell(LedgerReader.read(ledger.folder, clock=Clock()), Timed(str(tmp_path / "log")))
    assert seen[0] == seen[1]
    times = [time for name, epoch, time in seen[0] if name == "trial-0000/seed-1" and epoch > 0]
    assert all(early < late for early, late in itertools.pairwise(times))


def test_two_studies_of_one_name_have_runs_of_their_own(tmp_path: Path) -> None:
    """The identity of a run is that of its study, which began at a moment, its trial and its seed."""
    ids = []
    for place, begun in enumerate((1.7e9, 1.8e9)):
        clock, log = Clock(begun), tmp_path / f"log{place}"
        ledger = Ledger.open(latent_study(**SMALL), tmp_path / f"s{place}", clock=clock)
        Player(ledger, clock).play(units=1)
        tell(ledger, Recorded(str(log)), finished=False)
        ids.append({line["id"] for line in told(log, "start")})
    assert not ids[0] & ids[1]
    assert len(ids[0]) == len(ids[1]) == 4
