"""`latent-tune check`."""

import argparse
import json
import signal
import sys
from functools import partial
from pathlib import Path

from rich.status import Status

from tune.cli.session.checking import CheckRequest, check, keep, refuse_no_go
from tune.errors import Interrupted, UserMistake
from tune.ledger.printable import printable
from tune.scoring.earlier import confirmed_trials
from tune.study.checking import MOST_MINUTES
from tune.study.reading import BUNDLED, find, read_study
from tune.study.user_code import working_folder
from tune.views import wording
from tune.views.console import Terminal
from tune.views.terminal.check import print_check


def main(options: argparse.Namespace) -> None:
    """Trains a study's middle and ends for a few epochs, and says go or no-go.

    Raises:
        UserMistake: If the study, or what it names, cannot be used.
        NoGo: If what was found makes it not worth beginning.
    """
    if options.minutes is not None and not 0 < options.minutes <= MOST_MINUTES:
        raise UserMistake(f"--minutes: must be above 0 and at most {MOST_MINUTES}, got {options.minutes:g}")
    path = find(options.study)
    study = read_study(path, options.overrides, confirmed_trials, _tell)
    home = path.resolve().parent
    (results,) = working_folder(Path() if home == BUNDLED else home, options.results)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # as Ctrl-C: what trains is to end as well
    try:
        with Terminal(file=sys.stderr).status(f"checking {study.name}") as line:
            driver, tell = options.driver or "ray", partial(_progress, line, study.name)
            found = check(study, CheckRequest(driver, results, options.address, options.minutes, tell=tell))
    except KeyboardInterrupt:
        raise Interrupted("interrupted; a check keeps nothing: give the command again") from None
    keep(found, results / study.name)
    if options.json:
        print(json.dumps(wording.plain(found.plain), indent=2, allow_nan=False))
    else:
        print_check(found, Terminal())
    refuse_no_go(found)


def _progress(line: Status, name: str, said: str) -> None:
    line.update(printable(f"checking {name}: {said}"))


def _tell(line: str) -> None:
    print(printable(line), file=sys.stderr)
