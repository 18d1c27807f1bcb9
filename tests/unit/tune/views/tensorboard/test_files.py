"""TensorBoard's files as a study grows: appended to, cut short, damaged, made anew."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.hparams import api_pb2, metadata

from tests.fakes.boards import (
    RACE,
    ends_of,
    files_of,
    plugin_of,
    points_of,
    runs_of,
    scalars_of,
    texts_of,
    work_out,
)
from tests.fakes.clock import Clock
from tests.fakes.ledgers import Player, latent_study, played
from tune.ledger.ledger import Ledger
from tune.ledger.reader import LedgerReader
from tune.study.growth import extended
from tune.views.tensorboard.root_run import STUDY_TAG
from tune.views.tensorboard.writer import TensorBoard

KILLED = """
import os, signal, sys
from pathlib import Path

from tests.fakes.clock import Clock
from tests.fakes.ledgers import Player, latent_study
from tune.views.tensorboard import event_file
from tune.views.tensorboard.root_run import CHARTS_TAG, INCUMBENT_TAG, STUDY_TAG
from tune.views.tensorboard.writer import TensorBoard
from tune.ledger.ledger import Ledger


class Deadly(event_file.WholeWrites):
    left = int(sys.argv[2])

    def write(self, data):
        Deadly.left -= 1
        if Deadly.left < 0:
            super().write(data[: len(data) * 2 // 3])
            os.kill(os.getpid(), signal.SIGKILL)
        return super().write(data)


event_file.WholeWrites = Deadly
clock = Clock()
ledger = Ledger.open(latent_study(), Path(sys.argv[1]), clock=clock)
board, player = TensorBoard(ledger), Player(ledger, clock)
player.play(after_each=board.refresh)
"""
"""Works on a study and dies in the middle of a write to TensorBoard's files."""


@pytest.mark.parametrize("changes", [{}, RACE], ids=["ladder of epochs", "ladder of seeds and race"])
def test_growing_step_by_step_and_made_at_once_are_the_same(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Refreshed after every unit of work, with a process that ends in between: no step is missing or written twice."""
    clock, study = Clock(), latent_study(**changes)
    for units in (4, 1000):
        ledger = Ledger.open(study, tmp_path / "s", clock=clock)
        board, player = TensorBoard(ledger), Player(ledger, clock)
        player.play(units=units, after_each=board.refresh)
        if units == 1000:
            player.optimizer.finish()
        board.close()
        ledger.close("finished" if units == 1000 else "interrupted")
    grown = {run: [event.SerializeToString() for event in events] for run, events in runs_of(ledger).items()}
    TensorBoard(LedgerReader.read(tmp_path / "s", clock=clock)).close()
    made = runs_of(ledger)
    assert set(grown) == set(made)
    for run, events in made.items():
        points = sorted(points_of(events))
        assert points == sorted(points_of([Event.FromString(event) for event in grown[run]]))
        assert len({(tag, step) for tag, step, _ in points}) == len(points)


@pytest.mark.parametrize(
    "more",
    [
        {"trials": 22},
        {"epochs": 16},
        {"seeds": [7, 77]},
        {"changes": ["space.batch_size.choice=[16, 64, 256, 512]", "search.trials=22"]},
    ],
    ids=["trials", "epochs", "seeds", "space"],
)
def test_a_study_that_grows_says_what_one_made_at_once_says(tmp_path: Path, more: dict[str, Any]) -> None:
    """Whatever it grows by, nothing is missing, stands twice or contradicts the study as it is now."""
    clock = Clock()
    TensorBoard(played(tmp_path / "s")).close()
    ledger = Ledger.open(extended(latent_study(), "s", **more), tmp_path / "s", clock=clock, grow=True)
    work_out(ledger, clock)
    grown, made = grown_and_made(ledger)
    assert plugin_of(grown["."], metadata.EXPERIMENT_TAG) == plugin_of(made["."], metadata.EXPERIMENT_TAG)
    assert texts_of(grown["."], STUDY_TAG)[-1] == texts_of(made["."], STUDY_TAG)[-1]


def test_unfinished_trials_are_running_when_the_process_ends(tmp_path: Path) -> None:
    """Until then nothing is said, for the first status that TensorBoard reads is the one it keeps."""
    clock = Clock()
    ledger = Ledger.open(latent_study(), tmp_path / "s", clock=clock)
    board, player = TensorBoard(ledger), Player(ledger, clock)
    player.play(units=1)
    board.refresh()
    assert ends_of(runs_of(ledger)["trial-0000/seed-1"]) == []
    board.close()
    assert ends_of(runs_of(ledger)["trial-0000/seed-1"]) == [api_pb2.STATUS_RUNNING]


def test_catching_up_takes_a_slice_at_a_time(ledger: Ledger, tmp_path: Path) -> None:
    """With no time at all a call takes one trial; after as many calls as there are trials all is there."""
    whole = runs_of(ledger)
    shutil.copytree(ledger.folder, tmp_path / "s", ignore=shutil.ignore_patterns("tensorboard"))
    copied = LedgerReader.read(tmp_path / "s", clock=Clock())
    board = TensorBoard(copied, slice_s=0.0)
    assert set(runs_of(copied)) == {"."}
    seen = []
    for _ in copied.trials:
        board.refresh()
        seen.append(len({run.split("/")[0] for run in runs_of(copied)} - {"."}))
    assert seen == list(range(1, len(copied.trials) + 1))
    board.close()
    assert {run: sorted(points_of(events)) for run, events in runs_of(copied).items()} == {
        run: sorted(points_of(events)) for run, events in whole.items()
    }


def test_long_trainings_are_thinned_and_taken_in_parts(tmp_path: Path) -> None:
    """A trial of many rows does not hold a study up; a spike of one epoch is there, in the curve and in the band."""
    study = latent_study(search={"trials": 1}, rungs=[{"epochs": 1200, "seeds": 2}], confirm={"seeds": 2})
    ledger = played(tmp_path / "s", study, loss=lambda _, seed, epoch: 9.0 if (seed, epoch) == (12, 1001) else 0.03)
    board, calls = TensorBoard(ledger, slice_s=0.0), 0
    while "trial-0000" not in runs_of(ledger):
        board.refresh()
        calls += 1
    assert calls > 2
    runs = runs_of(ledger)
    curve = scalars_of(runs["trial-0000/seed-12"])["loss/validation"]
    assert curve[1001] == 9.0
    assert max(curve) == 1200
    assert len(curve) < 450
    assert scalars_of(runs["trial-0000"])["seeds/validation_max"][1001] == 9.0


def test_what_is_there_is_appended_to(tmp_path: Path) -> None:
    """A study that goes on adds to its files, for an open TensorBoard holds them; without news no byte is written."""
    clock = Clock()
    ledger = Ledger.open(latent_study(), tmp_path / "s", clock=clock)
    player = Player(ledger, clock)
    player.play(units=6)
    TensorBoard(ledger).close()
    before = files_of(ledger)
    TensorBoard(ledger).close()
    assert {name: content for name, (_, content) in files_of(ledger).items()} == {
        name: content for name, (_, content) in before.items()
    }
    player.play()
    TensorBoard(ledger).close()
    after = files_of(ledger)
    marks = {name for name in before if "0000000000" in name}  # of unfinished runs
    grown = [name for name in before if name in after and name not in marks]
    assert len(grown) > 6
    for name in grown:
        assert after[name][0] == before[name][0], "another file stands in its place"
        assert after[name][1].startswith(before[name][1])
    gone = before.keys() - after.keys() - marks
    assert {name.count("/") for name in gone} == {1}, "only bands over fewer seeds"


@pytest.mark.parametrize("fatal", [1, 9, 30])
def test_killed_while_it_writes(tmp_path: Path, fatal: int) -> None:
    """A process killed with half a record written leaves a file that the next one mends: all is there once."""
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "s"), str(fatal)], check=False)
    assert killed.returncode == -signal.SIGKILL
    clock = Clock(1_900_000_000.0)
    ledger = Ledger.open(latent_study(), tmp_path / "s", clock=clock)
    work_out(ledger, clock)
    grown_and_made(ledger)


def test_a_damaged_file_is_mended_when_one_looks_closely(tmp_path: Path) -> None:
    """A value with a flipped bit is found by its checksum; it and what follows is written again."""
    ledger = played(tmp_path / "s", latent_study(search={"method": "random", "trials": 2, "seed": 0}))
    TensorBoard(ledger).close()
    whole = files_of(ledger)
    for name, (_, content) in whole.items():
        place = len(content) * 2 // 3
        (ledger.folder / "tensorboard" / name).write_bytes(
            content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :]
        )
    TensorBoard(ledger, thorough=True).close()
    assert {name: content for name, (_, content) in files_of(ledger).items()} == {
        name: content for name, (_, content) in whole.items()
    }


def test_files_of_another_version_are_replaced(ledger: Ledger, tmp_path: Path) -> None:
    """A folder whose root does not begin with this experiment is emptied, so that nothing is shown twice."""
    shutil.copytree(ledger.folder, tmp_path / "s")
    home = tmp_path / "s" / "tensorboard"
    for file in list(home.rglob("*tfevents*")):
        file.rename(file.with_name("events.out.tfevents.0000000000.latent-tune"))
    copied = LedgerReader.read(tmp_path / "s", clock=Clock())
    TensorBoard(copied).close()
    assert set(files_of(copied)) == set(files_of(ledger))


def test_no_file_is_kept_open(tmp_path: Path) -> None:
    """However many runs there are."""
    clock = Clock()
    ledger = Ledger.open(latent_study(), tmp_path / "s", clock=clock)
    board, player = TensorBoard(ledger), Player(ledger, clock)
    player.play(after_each=board.refresh)
    held = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert not [path for path in held if "tfevents" in path.name]


def grown_and_made(ledger: Ledger) -> tuple[dict[str, list[Event]], dict[str, list[Event]]]:
    """Asserts that the files of a study say what such say that are made of it at once; returns both by run."""
    grown = runs_of(ledger)
    shutil.rmtree(ledger.folder / "tensorboard")
    TensorBoard(LedgerReader.read(ledger.folder, clock=Clock())).close()
    made = runs_of(ledger)
    assert set(grown) == set(made)
    for run, events in made.items():
        assert sorted(points_of(grown[run])) == sorted(points_of(events))
        assert ends_of(grown[run]) == ends_of(events)
    return grown, made
