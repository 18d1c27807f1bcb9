"""`latent-tune train`."""

import argparse
import shlex

from rich.console import Console

from tune.cli.training import profile, train
from tune.drivers.stop_request import StopRequest


def main(options: argparse.Namespace) -> None:
    """Trains one configuration, or times some steps of it.

    Raises:
        UserMistake: If the configuration cannot be used.
        Interrupted: If it was asked to stop.
    """
    if options.profile:
        profile(options.config, options.results, options.overrides, Console())
        return
    again = f"continue with: latent-tune train {shlex.quote(str(options.config))}"
    with StopRequest(again) as should_stop:
        train(options.config, options.results, options.overrides, should_stop, Console(), accepted=options.accepted)
