"""Working on a study from its file to its report: everything that `run`, `resume` and the Python API share."""

import shlex
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from tune.adapters.loading import load
from tune.cli.session.checking import CheckRequest, Subject, before_beginning
from tune.cli.session.existing import as_there, is_finished, ledger_there
from tune.cli.session.given import GivenTrainer
from tune.cli.session.origin import origin
from tune.cli.session.outcome import Written, present, results_of
from tune.cli.session.show import Show, tell_trackers, views
from tune.drivers.config_checks import config_check, judged_as_known, refuse_configurations, told_refused
from tune.drivers.job import SCRATCH, Job
from tune.drivers.start import drive, prepared, warmed_up
from tune.drivers.stop_request import StopRequest
from tune.errors import DiskFull, Interrupted, LatentTuneError, StudyBusy
from tune.ledger.backup.check import refuse_unusable
from tune.ledger.lease.clock import SteadyClock
from tune.ledger.ledger import Ledger
from tune.ledger.log import log, logged
from tune.ledger.origin.made_from import MadeFrom
from tune.ledger.reader import LedgerReader
from tune.ledger.storage.disk_space import disk_troubles, explained, lift_file_limit, refuse_low_space, vanished
from tune.optimizer.optimizer import Optimizer
from tune.scoring.check.checked import Checked
from tune.study.study import Study
from tune.study.user_code import user_path
from tune.trainer import TrainerClass, describe_recording, prepare_recording
from tune.views.results import Results
from tune.views.trackers.loading import load_loggers

_LARGEST, _RAYS_LARGEST = 2**23, 2**30
"""Bytes of the largest file of a small study, and of Ray's object store."""


@dataclass(frozen=True)
class Request:
    """How a study is to be worked on.

    Attributes:
        driver: ray or inline; ask_tell where a loop of the user's trains.
        address: Of a Ray cluster.
        grow: Whether the study that is there may become the one given (`tune.study.growth`).
        accepted: What may be another than what its results are of, see `tune.cli.session.origin`.
        retry: Trials that died, to be tried again.
        given: The trainer, where it is given as an object; None: what the study names is imported.
        owned: Whether this process is a command's own, and may be ended at once, see `StopRequest`.
    """

    driver: str
    address: str | None = None
    grow: bool = False
    accepted: Collection[str] = ()
    retry: Sequence[int] = ()
    given: GivenTrainer | None = None
    owned: bool = True


def work_on(study: Study, folder: Path, request: Request, show: Show) -> Results:
    """Works on a study until it is finished or asked to stop; what can be wrong with it is found before all else.

    Args:
        study: The study.
        folder: Its folder; made when it is not there, continued when it is.
        request: How.
        show: Where it is shown.

    Returns:
        What it has come to; that may be nothing.

    Raises:
        UserMistake: If the study, its trainer, its recording or its folder cannot be used.
        Interrupted: If it was asked to stop.
        DiskFull: If its disk is full, or nearly; it is paused.
        StudyStopped: If it cannot go on.
    """
    there = ledger_there(study, folder, grow=request.grow)
    study = as_there(study, there)
    if there is not None and is_finished(study, there, grow=request.grow) and not request.retry:
        origin(study, there, request.accepted, given=request.given)
        load_loggers(study.loggers, folder)
        show.console.print(f"study {study.name} in {folder} is finished; nothing is left to train", highlight=False)
        with logged(folder / "latent-tune.log"):
            tell_trackers(there, show)
        return present(*results_of(folder), show)
    with ready(study, folder, there, request, show.console) as able:
        with session(able) as job:
            with views(job, show):
                drive(job, request.driver, request.address, able.shared, able.stop)
                finish(job, able)
            found = results_at_the_end(job)
        return present(*found, show)


@dataclass(frozen=True)
class Ready:
    """What is at hand when all that can be wrong with a study has been looked for.

    Attributes:
        study, folder, request: As given to `work_on`; the study with the direction that its trainer knows.
        made_from: What the study is made from now.
        trainer: The class.
        recording: As prepared.
        read: What was read of it, in lines for people.
        shared: The recording on its way to the nodes of a cluster; None where there is none.
        stop: Says whether to stop.
        check: What a check of it said before it began; None where there was none.
    """

    study: Study
    folder: Path
    request: Request
    made_from: MadeFrom
    trainer: TrainerClass
    recording: Mapping[str, Any]
    read: Sequence[str]
    shared: Any
    stop: StopRequest
    check: Checked | None


@contextmanager
def ready(
    study: Study, folder: Path, there: LedgerReader | None, request: Request, console: Console
) -> Iterator[Ready]:
    """Has everything at hand that working on a study needs; what it cannot have is said before anything is written.

    Args:
        study: As of `work_on`.
        folder: As of `work_on`.
        request: As of `work_on`.
        there: What the folder holds.
        console: Where it is said what the trainer refuses.

    Raises:
        UserMistake: If the study, its trainer, its recording or its folder cannot be used.
        NoGo: If the study asks for a check, and that says so.
    """
    driver, address = request.driver, request.address
    made_from = origin(study, there, request.accepted, given=request.given)
    load_loggers(study.loggers, folder)
    if driver == "ray" and address is None:
        lift_file_limit(folder, _RAYS_LARGEST, ", or do without Ray and its object store (--driver inline)")
    else:
        lift_file_limit(folder, _LARGEST)
    again = _again(folder, address)
    with StopRequest(again, owned=request.owned) as stop, warmed_up(study, folder, driver, address, stop):
        trainer = load(study) if request.given is None else request.given.trainer
        if there is None:
            study = judged_as_known(study, trainer)
        recording = _recording(study, folder, console, trainer)
        read = describe_recording(trainer, recording) or made_from.told
        stop.listen()
        with (
            disk_troubles(folder, again),
            prepared(study, folder, recording, driver, address) as shared,
            logged(folder / "latent-tune.log"),
        ):
            check = None
            if there is None and driver != "ask_tell":  # a loop of the user's cannot be had train something
                asked = CheckRequest(driver, folder.parent, address, given=request.given, should_stop=stop)
                check = before_beginning(Subject(study, trainer, recording, made_from), folder, asked, console)
            yield Ready(study, folder, request, made_from, trainer, recording, read, shared, stop, check)


@contextmanager
def session(able: Ready) -> Iterator[Job]:
    """Opens a study, hands it out to be driven, and closes it where that fails."""
    request, stop = able.request, able.stop
    about: dict[str, Any] = {"driver": request.driver, "paths": user_path(), "read": able.read}
    about |= {"check": able.check.plain} if able.check is not None else {}
    ledger = Ledger.open(
        *(able.study, able.folder),
        clock=SteadyClock(),
        detail=about,
        made_from=able.made_from,
        grow=request.grow,
        should_stop=stop,
    )
    with _closing(ledger, _again(able.folder, request.address)):
        _try_again(ledger, request.retry)
        optimizer = Optimizer(ledger, ledger.elapsed_s, config_check(able.trainer, able.recording))
        by_name = request.given is None or request.given.by_name
        yield Job(optimizer, able.recording, able.trainer, lambda: stop() or ledger.lease_lost, by_name=by_name)


def results_at_the_end(job: Job) -> tuple[Results, Written]:
    """Closes a finished study, and returns what it has come to, as it is written before others see it finished."""
    with job.optimizer.ledger.closing("finished"):
        return results_of(job.optimizer.ledger.folder)


def _again(folder: Path, address: str | None) -> str:
    where = f" --address {shlex.quote(address)}" if address is not None else ""
    return f"continue with: latent-tune resume {shlex.quote(str(folder))}{where}"


def finish(job: Job, able: Ready) -> None:
    """Closes what is not promoted any more; raises where there is more to do, or the recording is another by now."""
    ledger = job.optimizer.ledger
    _refuse_unfinished(ledger, able.stop)
    origin(ledger.study, ledger, ("code", *able.request.accepted))  # an edit of code may be for later
    job.optimizer.finish()


def _recording(study: Study, folder: Path, console: Console, trainer: TrainerClass) -> Mapping[str, Any]:
    """Returns a study's recording, prepared and checked; says what the trainer refuses of the space."""
    refuse_configurations(study, trainer)
    refuse_low_space(study, folder)
    refuse_unusable(study)
    recording = prepare_recording(trainer, study.recording)
    refuse_configurations(study, trainer, recording)
    if refused := told_refused(study, trainer, recording):
        console.print(Text(refused), soft_wrap=True)
    return recording


@contextmanager
def _closing(ledger: Ledger, again: str) -> Iterator[None]:
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
