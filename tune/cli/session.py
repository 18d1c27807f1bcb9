"""Working on a study from its file to its report: everything that `run` and `resume` share."""

import shlex
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from tune.cli.origin import origin
from tune.cli.show import Show, tell_trackers, views
from tune.drivers.config_checks import config_check, refuse_configurations, told_refused
from tune.drivers.job import SCRATCH, Job
from tune.drivers.start import drive, prepared, warmed_up
from tune.drivers.stop_request import StopRequest
from tune.errors import DiskFull, Interrupted, LatentTuneError, StudyBusy, StudyStopped, UserMistake
from tune.ledger.backup.check import refuse_unusable
from tune.ledger.identity import holds_study, refuse_growth, refuse_other, stored_study
from tune.ledger.lease.clock import SteadyClock
from tune.ledger.ledger import Ledger
from tune.ledger.log import log, logged
from tune.ledger.reader import LedgerReader
from tune.ledger.storage.disk_space import disk_troubles, explained, lift_file_limit, refuse_low_space, vanished
from tune.optimizer.optimizer import Optimizer
from tune.study.direction import refuse_doubt
from tune.study.growth import differences
from tune.study.ladder import cost
from tune.study.study import Study
from tune.study.user_code import user_path
from tune.trainer import TrainerClass, describe_recording, load_trainer, prepare_recording
from tune.views.report.page import write_best, write_report
from tune.views.results import Results, gather
from tune.views.sentences import nothing_found
from tune.views.trackers.loading import load_loggers

_LARGEST, _RAYS_LARGEST = 2**23, 2**30
"""Bytes of the largest file of a small study, and of Ray's object store."""


def work_on(
    study: Study,
    folder: Path,
    driver: str,
    show: Show,
    address: str | None = None,
    *,
    grow: bool = False,
    accepted: Collection[str] = (),
    retry: Sequence[int] = (),
) -> None:
    """Works on a study until it is finished or asked to stop; what can be wrong with it is found before all else.

    Args:
        study: The study.
        folder: Its folder; made when it is not there, continued when it is.
        driver: ray or inline.
        show: Where it is shown.
        address: Of a Ray cluster.
        grow: Whether the study that is there may become the one given (`tune.study.growth`).
        accepted: What may be another than what its results are of, see `tune.cli.origin`.
        retry: Trials that died, to be tried again.

    Raises:
        UserMistake: If the study, its trainer, its recording or its folder cannot be used.
        Interrupted: If it was asked to stop.
        DiskFull: If its disk is full, or nearly; it is paused.
        StudyStopped: If it cannot go on, or no trial of it has succeeded.
    """
    there = _ledger_there(study, folder, grow=grow)
    if there is None:
        refuse_doubt(study.score.metric, study.score.direction, "score.direction")
    finished = there is not None and _is_finished(study, there, grow=grow)
    made_from = origin(study, there, accepted)
    load_loggers(study.loggers, folder)
    if finished and there is not None and not retry:
        show.console.print(f"study {study.name} in {folder} is finished; nothing is left to train", highlight=False)
        with logged(folder / "latent-tune.log"):
            tell_trackers(there, show)
        _present(*_results_of(folder), show)
        return
    if driver == "ray" and address is None:
        lift_file_limit(folder, _RAYS_LARGEST, ", or do without Ray and its object store (--driver inline)")
    else:
        lift_file_limit(folder, _LARGEST)
    again = _again(folder, address)
    with StopRequest(again) as stop, warmed_up(study, folder, driver, address, stop):
        trainer, recording = _trainer_and_recording(study, folder, show.console)
        about = {
            "driver": driver,
            "paths": user_path(),
            "read": describe_recording(trainer, recording) or made_from.told,
        }
        stop.listen()
        with (
            disk_troubles(folder, again),
            prepared(study, folder, recording, driver, address) as shared,
            logged(folder / "latent-tune.log"),
        ):
            ledger = Ledger.open(
                *(study, folder), clock=SteadyClock(), detail=about, made_from=made_from, grow=grow, should_stop=stop
            )
            with _session(ledger, again):
                _try_again(ledger, retry)
                optimizer = Optimizer(ledger, ledger.elapsed_s, config_check(trainer, recording))
                job = Job(optimizer, recording, trainer, lambda: stop() or ledger.lease_lost)
                with views(job, show):
                    drive(job, driver, address, shared, stop)
                    _finish(job, stop, accepted)
                with ledger.closing("finished"):
                    found = _results_of(folder)
            _present(*found, show)


def _again(folder: Path, address: str | None) -> str:
    where = f" --address {shlex.quote(address)}" if address is not None else ""
    return f"continue with: latent-tune resume {shlex.quote(str(folder))}{where}"


def _finish(job: Job, stop: StopRequest, accepted: Collection[str]) -> None:
    """Closes what is not promoted any more; raises where there is more to do, or the recording is another by now."""
    ledger = job.optimizer.ledger
    _refuse_unfinished(ledger, stop)
    origin(ledger.study, ledger, ("code", *accepted))  # an edit of code may be for later
    job.optimizer.finish()


def _trainer_and_recording(study: Study, folder: Path, console: Console) -> tuple[TrainerClass, Mapping[str, Any]]:
    """Returns a study's trainer and its recording, prepared and checked; says what the trainer refuses of the space."""
    trainer = load_trainer(study.trainer)
    refuse_configurations(study, trainer)
    refuse_low_space(study, folder)
    refuse_unusable(study)
    recording = prepare_recording(trainer, study.recording)
    refuse_configurations(study, trainer, recording)
    if refused := told_refused(study, trainer, recording):
        console.print(Text(refused), soft_wrap=True)
    return trainer, recording


@contextmanager
def _session(ledger: Ledger, again: str) -> Iterator[None]:
    """Works on a study that is open, closes it where that fails, and clears up."""
    folder = ledger.folder
    if ledger.network is not None:
        log.warning("study.db on %s: no write-ahead log, for which processes must share memory", ledger.network)
    try:
        yield
    except Interrupted as error:
        with suppress(Interrupted):  # the database is away; the next process finds this one killed, as safe as that
            ledger.close("interrupted")
        raise Interrupted(f"{error}\n{again}") from None
    except BaseException as error:
        told = explained(error, folder)
        if told is error and not isinstance(error, LatentTuneError):
            log.exception("the study stopped")
        _close(ledger, told)
        raise told from (error if told is not error else error.__cause__)
    finally:
        if not ledger.lease_lost:
            shutil.rmtree(folder / SCRATCH, ignore_errors=True)
        if vanished(folder):  # deleted meanwhile, and Ray has made it again for its scratch
            with suppress(OSError):
                folder.rmdir()


def _ledger_there(study: Study, folder: Path, *, grow: bool) -> LedgerReader | None:
    """Returns what a folder holds already; whoever gives another database has not said to connect to the folder's."""
    if not holds_study(folder):
        return None
    stored = stored_study(folder)
    if not grow and stored.storage.database != study.storage.database:
        refuse_other(study, stored, folder)
    return LedgerReader.read(folder, clock=time.time, curves=False, connect=True)


def _is_finished(study: Study, there: LedgerReader, *, grow: bool) -> bool:
    """Says whether nothing is left to do of a study that is there; it must be this one, or one that can grow to it."""
    if differences(there.study, study):
        if not grow:
            refuse_other(study, there.study, there.folder)
        _refuse_vain(study, there, there.folder)
        return False
    return bool(there.sessions) and there.sessions[-1].ended == "finished"


def _refuse_vain(study: Study, there: LedgerReader, folder: Path) -> None:
    """Raises if a study cannot grow so, or would have nothing to do for want of budget, before anything is written."""
    refuse_growth(there.study, study, folder, len(there.trials))
    budget, left = study.budget, "; give more with --budget"
    least = min(cost(study.rungs[0]), study.top.epochs)
    if budget.seed_epochs is not None and budget.seed_epochs - there.spent < least:
        used = f"{there.spent:,} seed-epochs are used, and {least} are the least that can be trained{left}"
        raise UserMistake(f"budget.seed_epochs: {budget.seed_epochs:,} leaves nothing to do: {used} seed_epochs=N")
    if budget.wall_clock is not None and there.elapsed_s() >= budget.wall_clock:
        used = f"{there.elapsed_s():,.0f} s are used{left} wall_clock=2h"
        raise UserMistake(f"budget.wall_clock: {budget.wall_clock:,.0f} s leaves nothing to do: {used}")
    if budget.gpu_hours is not None and there.gpu_seconds >= 3600 * budget.gpu_hours:
        used = f"{there.gpu_seconds / 3600:,.2f} h are used{left} gpu_hours=N"
        raise UserMistake(f"budget.gpu_hours: {budget.gpu_hours:g} leaves nothing to do: {used}")


def _try_again(ledger: Ledger, trials: Sequence[int]) -> None:
    for number in trials:
        ledger.decide("retry", number, ledger.trials[number].rung, "tried again, as was asked")


def _refuse_unfinished(ledger: Ledger, should_stop: Callable[[], bool]) -> None:
    if ledger.lease_lost:
        raise StudyBusy(f"{ledger.folder}: another process took this study over; this one stopped")
    if should_stop():
        raise Interrupted("interrupted, nothing is lost")


def _close(ledger: Ledger, error: BaseException) -> None:
    """Ends the work on a study that an error has ended; where the disk fails that too, the error is what is told."""
    try:
        ledger.close("interrupted" if isinstance(error, DiskFull) else "stopped", f"{type(error).__name__}: {error}")
    except Exception:
        log.exception("the end of this process could not be stored")


@dataclass(frozen=True)
class _Written:
    """The files in which a study's results are, and what is to be said of the report."""

    best: Path | None
    report: Path | None
    said: str


def _results_of(folder: Path) -> tuple[Results, _Written]:
    """Returns what a study has come to, and writes it."""
    results = gather(LedgerReader.read(folder, clock=time.time, connect=True))
    return results, _write_results(results)


def _write_results(results: Results) -> _Written:
    """Writes winner and report; where the report fails the study is finished all the same, and its winner known."""
    best = write_best(results)
    try:
        report = write_report(results)
    except Exception as error:
        log.exception("the report could not be written")
        again = f"latent-tune report {shlex.quote(str(results.ledger.folder))}"
        failed = f"the report could not be written: {type(error).__name__}: {error}; try again with: {again}"
        return _Written(best, None, failed)
    return _Written(best, report, f"report: {report}")


def _present(results: Results, written: _Written, show: Show) -> None:
    """Prints what a study has come to.

    Raises:
        StudyStopped: In the end, if no trial of it has come to anything: who reads exit codes takes 0 for an answer.
    """
    show.results(results)
    show.console.print(Text(written.said), highlight=False, soft_wrap=True)
    if written.best is not None:
        show.console.print(f"train the winner again: latent-tune train {written.best}", highlight=False, soft_wrap=True)
    show.end(results, written.report, written.best)
    if results.best is None:
        raise StudyStopped(nothing_found(results))
