"""What the commands do that search, list and compare studies; `tune.cli` parses, and calls them."""

import argparse
import json
import time
from pathlib import Path

from rich.console import Console

from tune.errors import UserMistake
from tune.growth import extended
from tune.ledger import Ledger
from tune.ledger.copy import is_copy
from tune.ledger.fetch import fetch
from tune.report.compare import print_comparison
from tune.report.studies import list_studies, print_studies
from tune.shared import is_uri
from tune.showing import Manner, showing
from tune.study import find, read_study
from tune.work import plan, work_on


def run(options: argparse.Namespace) -> int:
    """Searches a study file's space.

    Raises:
        UserMistake: If the options, or what they name, cannot be used.
    """
    study = read_study(find(options.study), options.overrides)
    if options.dry_run:
        if _manner(options) != "view":
            raise UserMistake("--dry-run prints a plan and trains nothing: leave --quiet and --json out")
        return plan(study, options.driver or "ray")
    with showing(_manner(options)) as show:
        return work_on(study, options.results / study.name, options.driver or "ray", show, options.address)


def resume(options: argparse.Namespace) -> int:
    """Continues a study from its folder, or has it do more.

    Raises:
        UserMistake: If the options, or what they name, cannot be used.
    """
    with showing(_manner(options)) as show:
        folder = Path(options.folder)
        if is_uri(options.folder) or is_copy(folder):
            folder = fetch(options.folder, options.results)
            came = f"{options.folder.partition('?')[0]} is in {folder} now"
            show.console.print(came, markup=False, highlight=False, soft_wrap=True)
        ledger = Ledger.read(folder, clock=time.time, curves=False)
        changes = [*(f"budget.{change}" for change in options.budget), *options.overrides]
        asked = bool(changes) or any(one is not None for one in (options.trials, options.epochs, options.seeds))
        study = extended(
            ledger.study,
            str(folder),
            trials=options.trials,
            epochs=options.epochs,
            seeds=_numbers("--seeds", options.seeds or ""),
            changes=changes,
        )
        last = ledger.sessions[-1].detail.get("driver", "ray") if ledger.sessions else "ray"
        return work_on(study, folder, options.driver or str(last), show, options.address, grow=asked)


def list_(options: argparse.Namespace) -> int:
    """Says how every study in a folder stands.

    Raises:
        UserMistake: If there is no such folder.
    """
    found = list_studies(options.folder, time.time)
    if options.json:
        print(json.dumps(found.as_json(), indent=2, allow_nan=False))
    else:
        print_studies(found, Console())
    return 0


def compare(options: argparse.Namespace) -> int:
    """Sets trials side by side.

    Raises:
        UserMistake: If the folder holds no study, or the study no such trials or epochs.
    """
    epochs = _numbers("--epochs", options.epochs) if options.epochs is not None else None
    print_comparison(Ledger.read(options.folder, clock=time.time), options.trials, Console(), epochs)
    return 0


def _manner(options: argparse.Namespace) -> Manner:
    return "json" if options.json else "quiet" if options.quiet else "view"


def _numbers(option: str, text: str) -> list[int]:
    """Returns the numbers of a list with commas.

    Raises:
        UserMistake: If it holds anything else.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    wrong = [part for part in parts if not (part.isascii() and part.isdecimal())]
    if wrong:
        raise UserMistake(f"{option}: numbers with commas between them are wanted, such as 7,77,777; got {wrong[0]!r}")
    return [int(part) for part in parts]
