"""`latent-tune run`."""

import argparse
import sys
from pathlib import Path

from tune.errors import UserMistake
from tune.ledger.printable import printable
from tune.scoring.earlier import confirmed_trials
from tune.study.reading import BUNDLED, find, read_study
from tune.study.user_code import working_folder


def main(options: argparse.Namespace) -> None:
    """Searches a study file's space, or prints what that would be.

    Raises:
        UserMistake: If the options, or what they name, cannot be used.
        LatentTuneError: As `tune.cli.session.work.work_on`.
        StudyStopped: If no trial of it has succeeded.
    """
    path, driver = find(options.study), options.driver or "ray"
    study = read_study(path, options.overrides, confirmed_trials, _tell)
    # A study that comes with the package is of no folder: what it reads lies where it is run.
    home = path.resolve().parent
    home = Path() if home == BUNDLED else home
    (results,) = working_folder(home, options.results)
    if options.dry_run:
        if options.quiet or options.json:
            raise UserMistake("--dry-run prints a plan and trains nothing: leave --quiet and --json out")
        from tune.cli.dry_run import plan

        plan(study, driver)
        return
    # What works on a study and shows it takes long to import, and a plan needs none of it.
    from tune.cli.session.outcome import refuse_nothing
    from tune.cli.session.show import output_mode, showing
    from tune.cli.session.work import Request, work_on

    with showing(output_mode(options)) as show:
        request = Request(driver, options.address, accepted=options.accepted)
        refuse_nothing(work_on(study, results / study.name, request, show))


def _tell(line: str) -> None:
    """Says what was read beside the study; on standard error, for standard output may be read by programs."""
    print(printable(line), file=sys.stderr)
