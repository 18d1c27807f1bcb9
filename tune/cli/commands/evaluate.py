"""`latent-tune evaluate`."""

import argparse

from tune.cli.session.evaluation import evaluate
from tune.views.console import Terminal


def main(options: argparse.Namespace) -> None:
    """Evaluates trials again whose evaluation failed.

    Raises:
        LatentTuneError: As `tune.cli.session.evaluation.evaluate`.
    """
    evaluate(options.folder, options.trials, Terminal(), options.accepted)
