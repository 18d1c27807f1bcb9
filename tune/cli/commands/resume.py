"""`latent-tune resume`."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from tune.cli.origin import working_folder_of
from tune.cli.parser import numbers
from tune.cli.session import work_on
from tune.cli.show import output_mode, showing
from tune.errors import UserMistake
from tune.ledger.backup.copy import is_copy
from tune.ledger.backup.restore import fetch
from tune.ledger.reader import LedgerReader
from tune.study.growth import extended
from tune.study.places import is_uri


def main(options: argparse.Namespace) -> None:
    """Continues a study from its folder, or has it do more.

    Raises:
        UserMistake: If the options, or what they name, cannot be used.
        LatentTuneError: As `tune.cli.session.work_on`.
    """
    with showing(output_mode(options)) as show:
        folder = Path(options.folder)
        if is_uri(options.folder) or is_copy(folder):
            folder = fetch(options.folder, options.results)
            came = f"{options.folder.partition('?')[0]} is in {folder} now"
            show.console.print(came, markup=False, highlight=False, soft_wrap=True)
        ledger = LedgerReader.read(folder, clock=time.time, curves=False, connect=True)
        (folder,) = working_folder_of(ledger, folder)
        retry = [] if options.retry_failed is None else _dead(ledger, options.retry_failed)
        changes = [*(f"budget.{change}" for change in options.budget), *options.overrides]
        asked = bool(changes) or any(one is not None for one in (options.trials, options.epochs, options.seeds))
        study = extended(
            ledger.study,
            str(folder),
            trials=options.trials,
            epochs=options.epochs,
            seeds=numbers("--seeds", options.seeds or ""),
            changes=changes,
        )
        last = ledger.sessions[-1].detail.get("driver", "ray") if ledger.sessions else "ray"
        driver = options.driver or str(last)
        work_on(study, folder, driver, show, options.address, grow=asked, retry=retry, accepted=options.accepted)


def _dead(ledger: LedgerReader, asked: Sequence[int]) -> Sequence[int]:
    """Returns the trials that died, or those of them that were asked for.

    Raises:
        UserMistake: If there are none.
    """
    dead = [trial.number for trial in ledger.trials if trial.dead]
    if not dead:
        raise UserMistake(f"--retry-failed: no trial of {ledger.folder} has died; leave the option out to continue it")
    wrong = [number for number in asked if number not in dead]
    if wrong:
        there = ", ".join(map(str, dead))
        raise UserMistake(f"--retry-failed: trial {wrong[0]} of {ledger.folder} has not died; those that have: {there}")
    return asked or dead
