"""`latent-tune compare`."""

import argparse
import time

from tune.cli.options import numbers
from tune.ledger.reader import LedgerReader
from tune.views.console import Terminal
from tune.views.terminal.compare import print_comparison


def main(options: argparse.Namespace) -> None:
    """Sets trials side by side.

    Raises:
        UserMistake: If the folder holds no study, or the study no such trials or epochs.
    """
    epochs = numbers("--epochs", options.epochs) if options.epochs is not None else None
    ledger = LedgerReader.read(options.folder, clock=time.time, connect=options.connect)
    print_comparison(ledger, options.trials, Terminal(), epochs)
