"""`latent-tune resume`."""

import argparse
import time
from pathlib import Path

from tune.cli.parser import numbers
from tune.cli.session.existing import dead, last_driver
from tune.cli.session.origin import working_folder_of
from tune.cli.session.outcome import refuse_nothing
from tune.cli.session.show import output_mode, showing
from tune.cli.session.work import Request, work_on
from tune.ledger.backup.copy import is_copy
from tune.ledger.backup.restore import fetch
from tune.ledger.reader import LedgerReader
from tune.study.growth import extended
from tune.study.places import is_uri


def main(options: argparse.Namespace) -> None:
    """Continues a study from its folder, or has it do more.

    Raises:
        UserMistake: If the options, or what they name, cannot be used.
        LatentTuneError: As `tune.cli.session.work.work_on`.
        StudyStopped: If no trial of it has succeeded.
    """
    with showing(output_mode(options)) as show:
        folder = Path(options.folder)
        if is_uri(options.folder) or is_copy(folder):
            folder = fetch(options.folder, options.results)
            came = f"{options.folder.partition('?')[0]} is in {folder} now"
            show.console.print(came, markup=False, highlight=False, soft_wrap=True)
        ledger = LedgerReader.read(folder, clock=time.time, curves=False, connect=True)
        (folder,) = working_folder_of(ledger, folder)
        retry = [] if options.retry_failed is None else dead(ledger, options.retry_failed)
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
        driver = options.driver or last_driver(ledger)
        request = Request(driver, options.address, grow=asked, retry=retry, accepted=options.accepted)
        refuse_nothing(work_on(study, folder, request, show))
