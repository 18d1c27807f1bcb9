"""A recording or a trainer that is not the one that a study's results are of is never taken in silence."""

import os
import shutil
import sqlite3
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.behaviour.command import Said, decided, here, ledger_of, write_study
from tests.behaviour.refusals import check_refused, snapshot, voltages

RUN = ["run", "study.yaml", "--driver", "inline"]
RESUME = ["resume", "results/tiny", "--driver", "inline"]
ONE_RUNG = [{"epochs": 2, "seeds": 3}]
TWO = {"method": "random", "trials": 2, "seed": 3}
OWN = """
from tests.fakes.trainers import Quadratic

import helper


class Mine(Quadratic):
    def _epoch(self, seed):
        return super()._epoch(seed) + helper.MORE
"""


def begun(cwd: Path, **changes: object) -> Path:
    """A study of two trials, of a recording in a file; returns its folder."""
    np.save(cwd / "voltages.npy", voltages())
    write_study(cwd, recording={"path": "voltages.npy"}, fixed={}, search=TWO, **changes)
    assert here(*RUN).code == 0
    return cwd / "results" / "tiny"


def more(trials: int, *options: str) -> Said:
    return here(*RESUME, "--trials", str(trials), *options)


def swap_in_place(file: Path) -> None:
    """Other content of the same size, and all the times that a program can set as they were."""
    about = file.stat()
    np.save(file, voltages() + 1)
    os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))


def swap_one_value(file: Path) -> None:
    array = voltages()
    array[30, 2] += 1e-3
    np.save(file, array)


def swap_by_rename(file: Path) -> None:
    about = file.stat()
    np.save(file.with_name("other.npy"), voltages() * 2)
    os.utime(file.with_name("other.npy"), ns=(about.st_atime_ns, about.st_mtime_ns))
    file.with_name("other.npy").replace(file)


SWAPS: list[Callable[[Path], None]] = [swap_in_place, swap_one_value, swap_by_rename]


@pytest.mark.parametrize(
    ("swap", "command"), [*((swap, RUN) for swap in SWAPS), (swap_one_value, [*RESUME, "--trials", "3"])]
)
def test_another_recording_is_refused(cwd: Path, swap: Callable[[Path], None], command: list[str]) -> None:
    """A file that was replaced is found however it was hidden; what differs and how to go on is said."""
    folder = begun(cwd)
    swap(cwd / "voltages.npy")
    before = snapshot(folder)
    said = here(*command)
    check_refused(said, "the recording is not the one that its results are of", "path: voltages.npy has other content")
    check_refused(said, "latent-tune resume results/tiny --accept-recording", "another name (--set name=...)")
    assert snapshot(folder) == before


def test_another_recording_can_be_accepted_once(cwd: Path) -> None:
    """Accepted, it is a decision with what differed, told in the report, and what the next process compares with."""
    folder = begun(cwd)
    swap_by_rename(cwd / "voltages.npy")
    assert more(3, "--accept-recording").code == 0
    (accepted,) = (one for one in ledger_of(folder).decisions if one.kind == "accept")
    assert "path: voltages.npy has other content" in accepted.reason
    assert "made from something else after 2 trials: path" in (folder / "report.md").read_text()
    assert more(4).code == 0
    np.save(cwd / "voltages.npy", voltages())
    check_refused(more(5), "has other content")


def test_the_same_recording_elsewhere_is_the_same(cwd: Path) -> None:
    """Copied, touched, moved back: what counts is the content, and moving the study's own folder changes nothing."""
    folder = begun(cwd)
    shutil.copy(cwd / "voltages.npy", cwd / "copy.npy")
    (cwd / "copy.npy").replace(cwd / "voltages.npy")
    (cwd / "elsewhere").mkdir()
    moved = folder.rename(cwd / "elsewhere" / "tiny")
    assert here("resume", str(moved), "--driver", "inline", "--trials", "3").code == 0
    assert not [one for one in ledger_of(moved).decisions if one.kind == "accept"]


@pytest.fixture
def own(cwd: Path) -> Iterator[Path]:
    """A working directory with a trainer of the user's own, in two files."""
    (cwd / "mine.py").write_text(textwrap.dedent(OWN))
    (cwd / "helper.py").write_text("MORE = 0.0\n")
    (cwd / "stranger.py").write_text("MORE = 0.0\n")
    yield cwd
    for name in ("mine", "helper", "stranger"):
        sys.modules.pop(name, None)


EDITS: list[tuple[str, str, str]] = [
    ("mine.py", OWN.replace("+ helper", "- helper"), "mine.py was changed"),
    ("helper.py", "MORE = 0.5\n", "helper.py was changed"),
    ("mine.py", OWN.replace("import helper", "import helper, stranger"), "stranger.py is new"),
]


@pytest.mark.parametrize(("file", "text", "part"), EDITS)
def test_an_edited_trainer_is_refused_and_can_be_accepted(own: Path, file: str, text: str, part: str) -> None:
    """The trainer's module and what it imports of the user's own folder are known; an edit asks to be accepted."""
    write_study(own, trainer="mine:Mine", fixed={}, search=TWO)
    assert here(*RUN).code == 0
    (own / file).write_text(text)
    more = [*RESUME, "--trials", "3"]
    said = here(*more)
    check_refused(said, "the trainer's source is not the one that its results are of", part, "--accept-code")
    check_refused(here(*more, "--accept-recording"), part)
    assert here(*more, "--accept-code").code == 0


def test_a_module_that_the_trainer_does_not_import_may_change(own: Path) -> None:
    """What lies beside the trainer and is not imported by it is nobody's business."""
    write_study(own, trainer="mine:Mine", fixed={}, search=TWO)
    assert here(*RUN).code == 0
    (own / "stranger.py").write_text("MORE = 7\n")
    assert here(*RESUME, "--trials", "3").code == 0


def test_a_study_that_trained_nothing_takes_a_mended_trainer(own: Path) -> None:
    """Without results there is nothing to mix, so whoever mends the trainer that never began need accept nothing."""
    (own / "mine.py").write_text("from tests.fakes.trainers import Broken as Mine\n")
    write_study(own, trainer="mine:Mine", fixed={})
    assert here(*RUN).code == 1
    (own / "mine.py").write_text(textwrap.dedent(OWN))
    sys.modules.pop("mine")
    assert "source" not in here(*RESUME).err


def test_a_study_of_an_earlier_version_is_continued_and_gets_its_fingerprints(cwd: Path) -> None:
    """A folder without fingerprints goes on whatever is there now, and from then on is compared with that."""
    folder = begun(cwd)
    with sqlite3.connect(folder / "study.db") as database:
        (row,) = database.execute(
            "SELECT rowid, decision FROM latent_tune_decisions WHERE decision LIKE '%made_from%'"
        ).fetchall()
        text = row[1].replace('"made_from"', '"forgotten"')
        database.execute("UPDATE latent_tune_decisions SET decision = ? WHERE rowid = ?", (text, row[0]))
    assert ledger_of(folder).made_from is None
    swap_by_rename(cwd / "voltages.npy")
    assert more(3).code == 0
    swap_in_place(cwd / "voltages.npy")
    check_refused(more(5), "has other content")


def test_every_decision_is_as_without_fingerprints(cwd: Path) -> None:
    """Accepting changes what is known of a study and nothing of what it does next."""
    folder = begun(cwd)
    shutil.copytree(folder, cwd / "kept" / "tiny")
    assert more(3).code == 0
    swap_in_place(cwd / "voltages.npy")
    kept = ["resume", "kept/tiny", "--driver", "inline", "--trials", "3", "--accept-recording"]
    assert here(*kept).code == 0
    assert decided(ledger_of(folder)) == decided(ledger_of(cwd / "kept" / "tiny"))


def test_a_training_is_not_continued_on_another_recording(cwd: Path) -> None:
    """What `train` trained is held to the same rule as a study."""
    folder = begun(cwd)
    assert here("train", str(folder / "best.yaml")).code == 0
    swap_in_place(cwd / "voltages.npy")
    said = here("train", str(folder / "best.yaml"))
    check_refused(said, "has other content", f"latent-tune train {folder / 'best.yaml'} --accept-recording")
    assert here("train", str(folder / "best.yaml"), "--accept-recording").code == 0


def test_a_recording_that_is_replaced_while_a_study_runs_is_told(own: Path) -> None:
    """The study does not end as if nothing had been mixed; the next process is refused for the same reason."""
    text = (
        "import numpy as np\n"
        + textwrap.dedent(OWN)
        + "\n    def close(self):\n        np.save('voltages.npy', [[1.0]])\n"
    )
    (own / "mine.py").write_text(text)
    np.save(own / "voltages.npy", voltages())
    write_study(own, trainer="mine:Mine", recording={"path": "voltages.npy"}, fixed={}, search=TWO)
    for command in (RUN, RESUME):
        said = here(*command)
        assert said.code == 2
        assert "path: voltages.npy has other content" in said.err
    assert here(*RESUME, "--accept-recording").code == 0


def test_an_evaluation_is_not_of_another_trainer(own: Path) -> None:
    """`evaluate` asks as well, and names itself as the way on."""
    (own / "mine.py").write_text("from tests.fakes.trainers import Evaluating as Mine\n")
    marks = own / "marks"
    marks.mkdir()
    (marks / "0").touch()
    write_study(own, trainer="mine:Mine", recording={"marks": "marks"}, fixed={}, search=TWO, rungs=ONE_RUNG)
    said = here(*RUN)
    assert said.code == 0
    assert "recording: marks (a folder: nobody notices when what lies in it is another)" in said.out
    with (own / "mine.py").open("a") as file:
        file.write("MENDED = True\n")
    said = here("evaluate", "results/tiny")
    check_refused(said, "mine.py was changed", "latent-tune evaluate results/tiny --accept-code")
    assert here("evaluate", "results/tiny", "--accept-code").code == 0
