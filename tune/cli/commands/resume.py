"""`latent-tune resume`."""

import argparse
from functools import partial

from tune.cli.options import numbers
from tune.cli.session.continuing import More, continued
from tune.cli.session.outcome import refuse_nothing
from tune.cli.session.show import output_mode, showing
from tune.cli.session.work import Request, work_on


def main(options: argparse.Namespace) -> None:
    """Continues a study from its folder, or has it do more.

    Raises:
        UserMistake: If the options, or what they name, cannot be used.
        LatentTuneError: As `tune.cli.session.work.work_on`.
        StudyStopped: If no trial of it has succeeded.
    """
    changes = [*(f"budget.{change}" for change in options.budget), *options.overrides]
    seeds = numbers("--seeds", options.seeds or "")
    with showing(output_mode(options)) as show:
        folder, study, request = continued(
            options.folder,
            options.results,
            More(options.trials, options.epochs, seeds, changes, options.retry_failed),
            Request(options.driver or "", options.address, accepted=options.accepted),
            partial(show.console.print, markup=False, highlight=False, soft_wrap=True),
        )
        refuse_nothing(work_on(study, folder, request, show))
