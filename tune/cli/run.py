"""`latent-tune run`."""

import argparse

from tune.cli.dry_run import plan
from tune.cli.session import work_on
from tune.cli.show import output_mode, showing
from tune.errors import UserMistake
from tune.study.study import find, read_study


def main(options: argparse.Namespace) -> None:
    """Searches a study file's space, or prints what that would be.

    Raises:
        UserMistake: If the options, or what they name, cannot be used.
        LatentTuneError: As `tune.cli.session.work_on`.
    """
    study, driver = read_study(find(options.study), options.overrides), options.driver or "ray"
    if options.dry_run:
        if output_mode(options) != "view":
            raise UserMistake("--dry-run prints a plan and trains nothing: leave --quiet and --json out")
        plan(study, driver)
        return
    with showing(output_mode(options)) as show:
        work_on(study, options.results / study.name, driver, show, options.address, accepted=options.accepted)
