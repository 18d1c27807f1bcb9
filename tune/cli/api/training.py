"""Working on a study from Python: what `run`, `resume`, `evaluate` do, in a process that belongs to somebody else."""

import io
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from tune.cli.api.result import Result
from tune.cli.api.study import Study, refuse_no_study
from tune.cli.session.continuing import More, continued
from tune.cli.session.evaluation import evaluate as evaluate_again
from tune.cli.session.given import with_given
from tune.cli.session.show import Show
from tune.cli.session.work import Request, work_on
from tune.errors import UserMistake
from tune.ledger.reader import LedgerReader
from tune.study.places import is_uri
from tune.study.user_code import folder_kept, working_folder
from tune.views.console import Terminal

Driver = Literal["inline", "ray"]
_DRIVERS = ("inline", "ray")


def run(
    study: Study,
    trainer: Callable[..., Any] | None = None,
    results: str | Path = "results",
    driver: Driver = "inline",
    *,
    address: str | None = None,
    accept: Collection[str] = (),
    progress: bool = True,
) -> Result:
    """Works on a study until it is finished, and returns what it came to; one that is there is continued.

    Ctrl-C, in the main thread, saves what is in training and stops; once more, it stops at once. Handlers of signals
    and the working directory are put back.

    Args:
        study: The study.
        trainer: A class with the contract of `tune.trainer.Trainer`, or a function as a study names one under
            `function`; None: what the study names.
        results: The folder in which the study's folder is, or is made.
        driver: inline: in this process, one trial after the other; ray: on all cores, or a cluster.
        address: Of a running Ray cluster; None: Ray is started here.
        accept: What may be another than what its results are of: `recording`, `code`.
        progress: Whether to print how it goes.

    Raises:
        UserMistake: If something given cannot be used; nothing is written then.
        Interrupted: If it was asked to stop; run it again to continue.
        StudyStopped: If it cannot go on.
        DiskFull: If its disk is full, or nearly.
    """
    refuse_no_study(study)
    named, given = with_given(study.plain, trainer)
    request = Request(known_driver(driver), address, accepted=accept, given=given, owned=False)
    with folder_kept():
        (place,) = working_folder(study.home, Path(results).absolute())
        folder = place / study.name
        work_on(named, folder, request, _show(progress))
    return Result.read(folder, connect=True)


def resume(
    folder: str | Path,
    trainer: Callable[..., Any] | None = None,
    *,
    trials: int | None = None,
    epochs: int | None = None,
    seeds: Sequence[int] = (),
    budget: Mapping[str, Any] | None = None,
    overrides: Sequence[str] = (),
    retry_failed: bool | Sequence[int] = False,
    driver: Driver | None = None,
    address: str | None = None,
    accept: Collection[str] = (),
    progress: bool = True,
) -> Result:
    """Continues a study from its folder alone, or has it do more (docs/growing.md).

    Args:
        folder: The study's; or the copy of one whose machine was lost, which comes into `results`.
        trainer: As of `run`; needed where the study was begun with one that was defined in a notebook.
        trials: So many in all; None: as before.
        epochs: Of a full training: the ladder is extended.
        seeds: Further ones.
        budget: `seed_epochs`, `wall_clock`, `gpu_hours`, `money` in all; None takes one away.
        overrides: `path=value`, as `--set`.
        retry_failed: Trials to be tried again that died; True: all of them.
        driver: As of `run`; None: the one that trained it last.
        address: As of `run`.
        accept: As of `run`.
        progress: As of `run`.

    Raises:
        UserMistake: If the folder holds no study, or something given cannot be used.
        Interrupted, StudyStopped, DiskFull: As `run`.
    """
    changes = [*(f"budget.{name}={_text(value)}" for name, value in (budget or {}).items()), *overrides]
    retry = None if retry_failed is False else [] if retry_failed is True else list(retry_failed)
    wanted = Request(known_driver(driver) if driver else "", address, accepted=accept, owned=False)
    where = str(folder) if is_uri(str(folder)) else str(Path(folder).absolute())
    with folder_kept():
        more = More(trials, epochs, list(seeds), changes, retry)
        place, grown, request = continued(where, Path("results"), more, wanted)
        named, given = with_given(grown, trainer)
        work_on(named, place, replace(request, given=given), _show(progress))
    return Result.read(place, connect=True)


def evaluate(
    folder: str | Path,
    trials: Sequence[int] = (),
    trainer: Callable[..., Any] | None = None,
    *,
    accept: Collection[str] = (),
    progress: bool = True,
) -> Result:
    """Evaluates trials again whose evaluation failed; nothing is trained.

    Args:
        folder: The study's.
        trials: Their numbers; none: all.
        trainer: As of `resume`.
        accept: As of `run`.
        progress: Whether to print what it comes to.

    Raises:
        UserMistake: If there is no such study or trial, or its trainer or recording cannot be used.
        LatentTuneError: If an evaluation failed again; the others are done all the same.
    """
    place = Path(folder).absolute()
    seen = LedgerReader.read(place, clock=time.time, curves=False, connect=True)
    with folder_kept():
        given = with_given(seen.study, trainer)[1]
        evaluate_again(place, list(trials), Terminal(quiet=not progress), accept, given)
    return Result.read(place, connect=True)


def open_(folder: str | Path, *, connect: bool = False) -> Result:
    """Opens a study that is there, read only; a process may work on it meanwhile.

    Args:
        folder: The study's.
        connect: Whether to connect to a server that the study names, with the credentials of this environment; only for
            folders that you trust.

    Raises:
        UserMistake: If the folder holds no study, or may not be read.
    """
    return Result.read(Path(folder), connect=connect)


def _show(progress: bool) -> Show:
    return Show("view", sys.stdout) if progress else Show("quiet", io.StringIO())


def known_driver(driver: str) -> str:
    """Returns who is to train, if there is one of that name.

    Raises:
        UserMistake: If there is none.
    """
    if driver not in _DRIVERS:
        raise UserMistake(f"driver: must be one of {', '.join(_DRIVERS)}, got {driver!r}")
    return driver


def _text(value: Any) -> str:
    return "null" if value is None else str(value)
