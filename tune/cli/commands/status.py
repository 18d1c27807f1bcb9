"""`latent-tune status`."""

import argparse
import json
import time

from tune.ledger.reader import LedgerReader
from tune.views.console import Terminal
from tune.views.terminal.status import print_status, status


def main(options: argparse.Namespace) -> None:
    """Says how a study stands.

    Raises:
        UserMistake: If the folder holds no study.
    """
    ledger = LedgerReader.read(options.folder, clock=time.time, connect=options.connect)
    if options.json:
        print(json.dumps(status(ledger), indent=2, allow_nan=False))
    else:
        print_status(ledger, Terminal())
