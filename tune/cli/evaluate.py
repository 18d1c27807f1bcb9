"""`latent-tune evaluate`."""

import argparse

from rich.console import Console

from tune.cli.evaluation import evaluate


def main(options: argparse.Namespace) -> None:
    """Evaluates trials again whose evaluation failed.

    Raises:
        UserMistake: If the folder holds no study, or the study no such trials.
    """
    evaluate(options.folder, options.trials, Console())
