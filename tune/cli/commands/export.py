"""`latent-tune export`."""

import argparse
import time

from tune.ledger.printable import printable
from tune.ledger.reader import LedgerReader
from tune.views.results import gather
from tune.views.tables.export import write_csv, write_parquet


def main(options: argparse.Namespace) -> None:
    """Writes a study's tables for other programs, and says where.

    Raises:
        UserMistake: If the folder holds no study, nothing can be written there, or MLflow does not take it.
    """
    if options.mlflow is not None:
        from tune.views.trackers.sending import send

        for where in send(options.folder, {"mlflow": {"tracking_uri": options.mlflow}}, connect=options.connect):
            print(printable(f"sent to {where}"))
        return
    results = gather(LedgerReader.read(options.folder, clock=time.time, connect=options.connect))
    written = write_csv(results, options.csv) if options.csv is not None else [write_parquet(results, options.parquet)]
    for path in written:
        print(printable(path))
