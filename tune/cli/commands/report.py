"""`latent-tune report`."""

import argparse
import time
from pathlib import Path

from tune.errors import UserMistake
from tune.ledger.printable import printable
from tune.ledger.reader import LedgerReader
from tune.views.report.page import report_of, write_best, write_report
from tune.views.report.rendering import as_markdown
from tune.views.results import Results, gather


def main(options: argparse.Namespace) -> None:
    """Writes the report and the best configuration again, and says where; or prints the report.

    Raises:
        UserMistake: If the folder holds no study, nothing can be written, or the price cannot be one.
    """
    ledger = LedgerReader.read(options.folder, clock=time.time, connect=options.connect)
    price = options.price
    if price is not None and not 0 < price < float("inf"):
        raise UserMistake(f"--price: the price of a GPU-hour is a number above 0, such as 2.50; got {price:g}")
    if price is not None and not ledger.study.resources.gpus_per_trial:
        raise UserMistake(
            f"--price: the trials of {ledger.folder} have no GPU (resources.gpus_per_trial is 0), so there are no "
            "GPU-hours to pay for; leave it out"
        )
    results = gather(ledger)
    if options.print:
        print(printable(as_markdown(report_of(results, price), linked=False)), end="")
        return
    for path in _written(results, price, options.out):
        print(printable(path))


def _written(results: Results, price: float | None, out: Path | None) -> list[Path]:
    """Returns what it wrote."""
    try:
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
        report = write_report(results, price, out)
        best = write_best(results, out)
    except OSError as error:
        where, instead = results.ledger.folder, "write it elsewhere (--out DIR), or print it (--print)"
        if out is not None:
            where, instead = out, "give --out a folder in which you may write, or print it (--print)"
        raise UserMistake(f"{where}: the report cannot be written there: {error.strerror}; {instead}") from error
    return [path for path in (report, report.with_suffix(".html"), best) if path is not None]
