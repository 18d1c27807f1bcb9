"""A disk that is full at one write: memory is not ahead of the disk, and the same write works once there is space."""

import logging
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from sqlalchemy.exc import SQLAlchemyError

from tests.fakes.clock import Clock
from tests.fakes.disk import SmallDisk
from tests.fakes.ledgers import start, train
from tests.fakes.studies import quadratic_study
from tune.drivers.job import Job
from tune.drivers.simulated import drive as drive_simulated
from tune.errors import DiskFull, StudyStopped
from tune.ledger.curves.store import CurveStore
from tune.ledger.ledger import Ledger
from tune.ledger.log import logged
from tune.ledger.reader import LedgerReader
from tune.ledger.storage.disk_space import estimate, explained, free_bytes, is_full, needed_bytes
from tune.ledger.storage.files import WholeWrites, write_atomically
from tune.optimizer.optimizer import Optimizer
from tune.trainer import load_trainer
from tune.views.report.page import write_report
from tune.views.results import gather
from tune.views.tensorboard.writer import TensorBoard


@pytest.fixture
def ledger(disk: SmallDisk) -> Ledger:
    """A study on the small disk, with one trial that has a checkpoint."""
    ledger = Ledger.open(quadratic_study(), disk.path / "q", clock=Clock(tick_s=1.0))
    train(ledger, start(ledger), range(1, 3))
    return ledger


def until_it_fails(write: Callable[[], object]) -> None:
    """Writes until the disk takes no more; what failed says that it is full."""
    with pytest.raises((OSError, SQLAlchemyError, RuntimeError)) as caught:  # noqa: PT012 - which one fails is open
        for _ in range(100_000):
            write()
    assert is_full(caught.value)


def test_a_write_is_whole_or_an_error(disk: SmallDisk) -> None:
    """Where a page is left the system takes a page of three and calls that a success; it is made an error."""
    disk.fill(4096)
    with (disk.path / "plain").open("wb", buffering=0) as file:
        assert file.write(bytes(12_288)) == 4096
    (disk.path / "plain").unlink()
    with WholeWrites(disk.path / "whole", "wb") as whole, pytest.raises(OSError, match="No space left"):
        whole.write(bytes(12_288))
    disk.free()
    with WholeWrites(disk.path / "whole", "wb") as whole:
        assert whole.write(bytes(12_288)) == 12_288


def test_curves(disk: SmallDisk, ledger: Ledger) -> None:
    """What could not be stored is not known either; the same epoch is taken later, and none is lost before or after."""
    disk.fill(10_000)
    epoch = 3

    def record() -> None:
        nonlocal epoch
        ledger.record(0, (1, 2), epoch, {"validation_loss": [1 / epoch] * 2, "extra": [None, None]})
        epoch += 1

    until_it_fails(record)
    assert ledger.trained(0) == {1: epoch - 1, 2: epoch - 1, 3: 0}
    assert ledger.spent == 2 * (epoch - 1)
    assert CurveStore(ledger.folder / "curves", writable=False).table().num_rows == ledger.spent
    disk.free()
    for _ in range(3):
        record()
    table = CurveStore(ledger.folder / "curves", writable=False).table()
    assert table["epoch"].to_pylist() == list(range(1, epoch)) * 2
    assert ledger.redone == 0


def test_curves_that_begin_another_stream(disk: SmallDisk, ledger: Ledger) -> None:
    """A new column takes a new file; where that cannot be made the next attempt makes it."""
    wide = {f"metric_{number}": [0.5, 0.5] for number in range(200)}
    disk.fill()
    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            ledger.record(0, (1, 2), 3, {"validation_loss": [0.5, 0.5], **wide})
    assert ledger.trained(0) == {1: 2, 2: 2, 3: 0}
    disk.free()
    ledger.record(0, (1, 2), 3, {"validation_loss": [0.5, 0.5], **wide})
    ledger.close("interrupted")
    table = LedgerReader.read(disk.path / "q", clock=Clock(tick_s=1.0)).curves()
    assert table["epoch"].to_pylist() == [1, 2, 3] * 2
    assert table["metric_7"].to_pylist() == [None, None, 0.5] * 2


def test_checkpoints(disk: SmallDisk, ledger: Ledger) -> None:
    """The older checkpoint stays, and nothing half written beside it; large states fail in PyTorch's own words."""
    disk.fill(100_000)
    for size in (10, 1_000_000):
        until_it_fails(lambda size=size: grow(ledger, size))  # type: ignore[misc]
        assert [path.name for path in (ledger.folder / "checkpoints").rglob(".*")] == []
        assert ledger.checkpoints.epochs(0)[1][0] == 2
        assert ledger.checkpoints.load(0, 2, [1, 2]) == {1: {"epoch": 2}, 2: {"epoch": 2}}


def grow(ledger: Ledger, size: int) -> None:
    """Saves one more epoch's state."""
    ledger.checkpoints.save(0, max(ledger.checkpoints.epochs(0)[1]) + 1, {1: {"weights": torch.zeros(size)}})


def test_decisions(disk: SmallDisk, ledger: Ledger) -> None:
    """A decision that could not be written was not taken; what the database has is what is known."""
    disk.fill()
    until_it_fails(lambda: start(ledger))
    assert len(ledger.decisions) - len(list(ledger._database.decisions())) in (0, 1)
    decided = list(ledger._database.decisions())
    until_it_fails(lambda: ledger.set_in_flight(range(10_000)))
    baseline = {f"loss_{number}": 0.5 for number in range(2000)}
    until_it_fails(lambda: ledger.set_baseline(baseline))
    assert ledger.baseline is None
    disk.free()
    ledger.set_baseline(baseline)
    ledger.close("interrupted", "the disk was full")
    again = Ledger.open(quadratic_study(), disk.path / "q", clock=Clock(tick_s=1.0))
    assert again.decisions[: len(decided)] == decided
    assert again.baseline == baseline
    assert [session.ended for session in again.sessions] == ["interrupted", ""]


def test_the_end_is_written_on_a_full_disk(disk: SmallDisk, ledger: Ledger) -> None:
    """What was kept in reserve takes how a process ended, and its lease is given back."""
    disk.fill()
    until_it_fails(lambda: grow(ledger, 10))
    ledger.close("interrupted", "the disk is full")
    again = LedgerReader.read(disk.path / "q", clock=Clock(tick_s=1.0))
    assert [session.ended for session in again.sessions] == ["interrupted"]
    assert again.decisions[-1].reason == "the disk is full"
    assert not again.live
    assert again.trained(0) == {1: 2, 2: 2, 3: 0}


def test_event_files(disk: SmallDisk, ledger: Ledger) -> None:
    """TensorBoard's files end with a whole record, and none is there twice once there is space."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    board = TensorBoard(ledger)
    disk.fill(4096)
    epoch = 3
    with pytest.raises(OSError, match="No space left"):  # noqa: PT012 - which one fails is open
        for epoch in range(3, 5000):
            ledger.record(0, (1, 2), epoch, {"validation_loss": [0.5, 0.5], "extra": [1.0, 1.0]})
            board.refresh()
    disk.free()
    trained = ledger.trained(0)[1]
    board.refresh()
    assert epoch - trained in (0, 1)
    for file in (ledger.folder / "tensorboard").glob("trial-0000/*/*"):
        steps = [
            event.step
            for event in EventFileLoader(str(file)).Load()
            if any(value.tag == "loss/validation" for value in event.summary.value)
        ]
        assert steps == list(range(1, trained + 1))


def test_the_report(disk: SmallDisk, ledger: Ledger) -> None:
    """The old report stays until the new one is whole."""
    path = write_report(gather(ledger))
    before = path.read_text()
    disk.fill()
    until_it_fails(lambda: write_report(gather(ledger)))
    assert path.read_text() == before
    assert list(ledger.folder.glob(".report*")) == []


def test_the_log(disk: SmallDisk, capfd: pytest.CaptureFixture[str]) -> None:
    """A line that does not fit is lost, without a word on the terminal; later ones are written."""
    log = logging.getLogger("latent-tune")
    with logged(disk.path / "latent-tune.log"):
        disk.fill()
        for number in range(1000):
            log.info("line %d, and more of it", number)
        disk.free()
        log.info("the last line")
    assert (disk.path / "latent-tune.log").read_text().endswith("the last line\n")
    assert capfd.readouterr().err == ""


def test_a_full_disk_is_known_by_its_errors(tmp_path: Path) -> None:
    """What PyTorch, Arrow and SQLite make of it is told from every other error of files, and those from others."""
    full, gone, other = OSError(28, "No space left on device"), OSError(5, "Input/output error"), ValueError("x")
    assert [is_full(one) for one in (full, gone, other)] == [True, False, False]
    quota = OSError(122, "Disk quota exceeded")
    assert is_full(quota)
    with pytest.raises(RuntimeError) as wrapped:  # noqa: PT012 - as PyTorch does
        try:
            raise full
        finally:
            raise RuntimeError("unexpected pos 704 vs 598")
    assert is_full(wrapped.value)
    assert isinstance(explained(wrapped.value, tmp_path), DiskFull)
    assert isinstance(explained(gone, tmp_path), StudyStopped)
    assert explained(other, tmp_path) is other
    (tmp_path / "study.yaml").touch()
    assert "Input/output error" in str(explained(gone, tmp_path))


def test_how_much_is_needed() -> None:
    """At least what the study asks for, more where saving what is in flight takes more; nothing where it asks for 0."""
    study = quadratic_study(storage={"min_free": 1000})
    assert [needed_bytes(study, state, 2) for state in (0, 100, 1000)] == [1000, 1000, 2 * 3 * 1000]
    assert needed_bytes(quadratic_study(storage={"min_free": 0}), 10**9, 8) == 0
    # 12 trials, one in three climbs: 8 wait with 2 runs each; of the 4 confirmed 3 are kept, and one in training, of 3.
    assert estimate(study, 1) == 8 * 2 + 4 * 3
    assert estimate(quadratic_study(storage={"keep": "all"}), 10) == 10 * (8 * 2 + 5 * 3)


def test_free_space_is_that_of_the_folder_to_be(disk: SmallDisk) -> None:
    """A folder that is not there yet will lie on the disk of its nearest parent."""
    disk.fill(8192)
    assert free_bytes(disk.path / "results" / "q") == disk.left == 8192


def test_slots_are_saved_before_the_pause(disk: SmallDisk) -> None:
    """With several slots, what is in training when space runs low is saved, so that no epoch is trained again."""
    study = quadratic_study(storage={"min_free": 4_000_000})
    ledger = Ledger.open(study, disk.path / "q", clock=Clock(tick_s=1.0))
    job = Job(Optimizer(ledger, ledger.elapsed_s), {}, load_trainer(study.trainer))
    job.watch = lambda: disk.fill(3_000_000) if ledger.spent > 20 and disk.left > 4_000_000 else None
    with pytest.raises(DiskFull, match=r"(2\.9\d|3) MB free there, 4 MB needed to go on"):
        drive_simulated(job, slots=3)
    assert not job.optimizer.in_flight
    ledger.close("interrupted")
    disk.free()
    again = Ledger.open(study, disk.path / "q", clock=Clock(tick_s=1.0))
    for trial in again.trials:
        done = again.done(trial.number)
        assert {seed: epochs for seed, epochs in again.trained(trial.number).items() if epochs} == done
    drive_simulated(Job(Optimizer(again, again.elapsed_s), {}, load_trainer(study.trainer)), slots=3)
    assert again.redone == 0
    assert isinstance(again.curves(), pa.Table)


def test_a_file_that_cannot_be_replaced_stays(disk: SmallDisk) -> None:
    """A file written whole or not at all keeps its old content when the disk is full."""
    path = disk.path / "study.yaml"
    write_atomically(path, lambda file: file.write(b"old"))
    disk.fill()
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, lambda file: file.write(b"new" * 10_000))
    assert path.read_bytes() == b"old"
    assert [one.name for one in disk.path.iterdir() if one.name.startswith(".")] == []
