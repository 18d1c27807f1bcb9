"""`latent-tune tensorboard`."""

import argparse
import sys
import threading
import time
from contextlib import suppress

from tune.ledger.printable import printable
from tune.ledger.reader import LedgerReader
from tune.views.tensorboard.server import bring_up_to_date, pages, serve


def main(options: argparse.Namespace) -> None:
    """Serves a study's TensorBoard until Ctrl-C.

    Raises:
        UserMistake: If the folder holds no study, or the port cannot be used.
    """
    ledger = LedgerReader.read(options.folder, clock=time.time, connect=options.connect)
    if doubt := bring_up_to_date(ledger):
        print(printable(f"latent-tune: {doubt}"), file=sys.stderr)
    found = pages(ledger, serve(ledger.folder / "tensorboard", options.port))
    width = max(map(len, found))
    for what, address in found.items():
        print(printable(f"{what:<{width}}  {address}"))
    print("TensorBoard is running, for this machine only; Ctrl-C stops it", flush=True)
    with suppress(KeyboardInterrupt):
        threading.Event().wait()
