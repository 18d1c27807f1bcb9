"""`latent-tune report`."""

import argparse
import time

from tune.errors import UserMistake
from tune.ledger.reader import LedgerReader
from tune.views.report.page import write_best, write_report
from tune.views.results import gather


def main(options: argparse.Namespace) -> None:
    """Writes the report and the best configuration again, and says where.

    Raises:
        UserMistake: If the folder holds no study, or the price cannot be one.
    """
    ledger, price = LedgerReader.read(options.folder, clock=time.time), options.price
    if price is not None and not 0 < price < float("inf"):
        raise UserMistake(f"--price: the price of a GPU-hour is a number above 0, such as 2.50; got {price:g}")
    if price is not None and not ledger.study.resources.gpus_per_trial:
        raise UserMistake(
            f"--price: the trials of {ledger.folder} have no GPU (resources.gpus_per_trial is 0), so there are no "
            "GPU-hours to pay for; leave it out"
        )
    results = gather(ledger)
    report = write_report(results, price)
    for path in (report, report.with_suffix(".html"), write_best(results)):
        if path is not None:
            print(path)
