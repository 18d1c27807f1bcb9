"""What a study's folder holds already, before it is worked on: nothing, this study, or one that can grow to it."""

import time
from collections.abc import Sequence
from pathlib import Path

from tune.errors import UserMistake
from tune.ledger.identity import holds_study, refuse_growth, refuse_other, stored_study
from tune.ledger.reader import LedgerReader
from tune.study.direction import with_direction
from tune.study.growth import differences
from tune.study.ladder import cost
from tune.study.study import Study


def ledger_there(study: Study, folder: Path, *, grow: bool) -> LedgerReader | None:
    """Returns what a folder holds already; whoever gives another database has not said to connect to the folder's."""
    if not holds_study(folder):
        return None
    stored = stored_study(folder)
    if not grow and stored.storage.database != study.storage.database:
        refuse_other(study, stored, folder)
    return LedgerReader.read(folder, clock=time.time, curves=False, connect=True)


def as_there(study: Study, there: LedgerReader | None) -> Study:
    """Returns a study that does not say which values of its metric are better as it was judged when it was begun."""
    if there is None or study.score.direction is not None or study.score.metric != there.study.score.metric:
        return study
    return with_direction(study, there.study.score.direction)


def is_finished(study: Study, there: LedgerReader, *, grow: bool) -> bool:
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
    bill = budget.bill(there.gpu_seconds / 3600)
    if budget.money is not None and bill is not None and bill >= budget.money:
        used = f"{bill:,.2f} are used, at {budget.price_per_gpu_hour:g} per GPU-hour{left} money=N"
        raise UserMistake(f"budget.money: {budget.money:g} leaves nothing to do: {used}")


def dead(ledger: LedgerReader, asked: Sequence[int]) -> Sequence[int]:
    """Returns the trials that died, or those of them that were asked for.

    Args:
        ledger: The study.
        asked: Numbers of trials; all that died where there are none.

    Raises:
        UserMistake: If there are none.
    """
    found = [trial.number for trial in ledger.trials if trial.dead]
    if not found:
        raise UserMistake(f"--retry-failed: no trial of {ledger.folder} has died; leave the option out to continue it")
    wrong = [number for number in asked if number not in found]
    if wrong:
        there = ", ".join(map(str, found))
        raise UserMistake(f"--retry-failed: trial {wrong[0]} of {ledger.folder} has not died; those that have: {there}")
    return asked or found


def last_driver(ledger: LedgerReader) -> str:
    """Returns who trained a study last, by its name: ray where nobody did."""
    return str(ledger.sessions[-1].detail.get("driver", "ray")) if ledger.sessions else "ray"
