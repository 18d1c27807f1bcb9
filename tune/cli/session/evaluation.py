"""Evaluating again what has been trained."""

import shlex
import time
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

from rich.console import Console

from tune.adapters.loading import load
from tune.cli.session.given import GivenTrainer
from tune.cli.session.origin import origin, working_folder_of
from tune.cli.session.show import tell_servers
from tune.drivers.reports import Death, Evaluation, UnitReport, Unsaved
from tune.drivers.trial_log import write_log
from tune.drivers.unit import TrainingSettings, Unit
from tune.errors import LatentTuneError, TrainerMistake, UserMistake
from tune.ledger.attempts import Attempt
from tune.ledger.ledger import Ledger
from tune.ledger.reader import LedgerReader
from tune.ledger.records import Ending
from tune.optimizer.work import Work
from tune.trainer import prepare_recording

_ENDS: dict[str, Ending] = {"finished": "finished", "stopped": "stopped"}


def evaluate(
    folder: Path,
    numbers: Sequence[int],
    console: Console,
    accepted: Collection[str] = (),
    given: GivenTrainer | None = None,
) -> None:
    """Evaluates the trials whose evaluation failed or was cut short, from their checkpoints; nothing is trained.

    What it comes to is added to the epochs that were trained. It changes no decision: a trial that died of its
    evaluation stays failed.

    Args:
        folder: The study folder.
        numbers: Which trials; all when there are none.
        console: Where the results are shown.
        accepted: What may be another than what its results are of, see `tune.cli.session.origin`.
        given: The trainer, where it is given as an object; None: what the study names is imported.

    Raises:
        UserMistake: If there is no such study or trial, or its trainer or recording cannot be used.
        StudyBusy: If a process works on the study.
        LatentTuneError: If an evaluation failed again; the others are done all the same.
    """
    seen = LedgerReader.read(folder, clock=time.time, connect=True)
    tell_servers(seen.study, console)
    (folder,) = working_folder_of(seen, folder)
    unknown = [number for number in numbers if not 0 <= number < len(seen.trials)]
    if unknown:
        raise UserMistake(f"evaluate: no trial {unknown[0]} in {folder}; there are 0 to {len(seen.trials) - 1}")
    works = list(_works(seen, numbers or range(len(seen.trials))))
    if not works:
        console.print(f"{folder}: no evaluation is missing where a checkpoint is kept", highlight=False)
        return
    made_from = origin(seen.study, seen, accepted, f"latent-tune evaluate {shlex.quote(str(folder))}", given)
    trainer = load(seen.study) if given is None else given.trainer
    recording = prepare_recording(trainer, seen.study.recording)
    before = seen.sessions[-1]
    kept = {key: before.detail[key] for key in ("driver", "paths") if key in before.detail}
    detail = {**kept, "read": before.read}
    ledger = Ledger.open(seen.study, folder, clock=time.time, detail=detail, made_from=made_from)
    try:
        settings = TrainingSettings.of(ledger)
        units = [Unit(lambda: trainer, recording, work, settings) for work in works]
        causes = [cause for unit in units if (cause := _evaluate(ledger, unit, console))]
    finally:
        ledger.close(_ENDS.get(before.ended, "interrupted"))  # the study stands where it stood
    if causes:
        raise LatentTuneError(f"{len(causes)} of {len(works)} evaluations failed again, the last of: {causes[-1]}")
    console.print(f"write the report again with: latent-tune report {folder}", highlight=False, soft_wrap=True)


def _works(ledger: LedgerReader, numbers: Sequence[int]) -> Iterator[Work]:
    """Yields what is to be evaluated: of each trial the seeds whose checkpoints are of one epoch, together."""
    for number in numbers:
        configuration = {**ledger.study.fixed, **ledger.trials[number].parameters}
        done = sorted((epoch, seed) for seed, epoch in ledger.done(number).items())
        for epoch, together in groupby(done, key=lambda pair: pair[0]):
            waiting = ledger.unevaluated(number, epoch)
            here = {seed for _, seed in together}
            seeds = tuple(seed for seed in waiting if seed in here)
            if seeds:
                yield Work(number, configuration, seeds, epoch, epoch)


def _evaluate(ledger: Ledger, unit: Unit, console: Console) -> str:
    """Evaluates one unit and returns why it failed; "" when it did not."""
    work = unit.work
    try:
        for item in map(partial(_recorded, ledger, work), unit.news()):
            if isinstance(item, Unsaved):
                raise item.error(ledger.folder)
            if isinstance(item, Evaluation):
                means = ", ".join(f"{name} {_numbers(values)}" for name, values in item.metrics.items())
                said = f"trial {work.trial} after epoch {item.epoch}, seeds {_numbers(work.seeds)}: {means}"
                console.print(said, highlight=False, soft_wrap=True)
            elif isinstance(item, Death):
                path = write_log(ledger.folder, work.trial, f"{work} ended, {item.kind}: {item.cause}\n{item.text}")
                attempt = Attempt(item.cause, str(path), 0.0, "evaluation", work.seeds, work.to_epoch, died=False)
                reason = f"the evaluation after epoch {work.to_epoch} failed again: {item.cause}"
                ledger.decide("attempt", work.trial, ledger.trials[work.trial].rung, reason, attempt.detail)
                console.print(f"trial {work.trial}: {reason} (log: {path})", highlight=False, soft_wrap=True)
                return item.cause
    finally:
        unit.close()
    return ""


def _recorded(ledger: Ledger, work: Work, item: UnitReport) -> UnitReport:
    """Records an evaluation, and returns it; the death of it where it tells what cannot be recorded."""
    if isinstance(item, Evaluation):
        try:
            ledger.record(work.trial, work.seeds, item.epoch, item.metrics, item.held_s, evaluation="done")
        except TrainerMistake as error:
            return Death.of(error, "evaluation")
    return item


def _numbers(values: Sequence[float | None]) -> str:
    return " ".join("–" if value is None else f"{value:.6g}" for value in values)
