"""`latent-tune resume`."""

import argparse
import time
from pathlib import Path

from tune.cli.parser import numbers
from tune.cli.session import work_on
from tune.cli.show import output_mode, showing
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
        ledger = LedgerReader.read(folder, clock=time.time, curves=False)
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
        work_on(study, folder, driver, show, options.address, grow=asked, accepted=options.accepted)
