"""`latent-tune train`."""

import argparse
import shlex

from tune.cli.training import profile, train
from tune.drivers.stop_request import StopRequest
from tune.views.console import Terminal


def main(options: argparse.Namespace) -> None:
    """Trains one configuration, or times some steps of it.

    Raises:
        UserMistake: If the configuration cannot be used.
        Interrupted: If it was asked to stop.
    """
    if options.profile:
        profile(options.config, options.results, options.overrides, Terminal())
        return
    again = f"continue with: latent-tune train {shlex.quote(str(options.config))}"
    with StopRequest(again) as should_stop:
        should_stop.listen()
        train(options.config, options.results, options.overrides, should_stop, Terminal(), accepted=options.accepted)
