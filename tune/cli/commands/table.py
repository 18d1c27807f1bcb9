"""`latent-tune table`."""

import argparse
import json
import time

from tune.ledger.reader import LedgerReader
from tune.views.console import Terminal
from tune.views.plan.pivot import pivot, pivot_cells, plain_pivot
from tune.views.results import gather
from tune.views.terminal.rounds import table_of


def main(options: argparse.Namespace) -> None:
    """Prints a study as a table of two factors.

    Raises:
        UserMistake: If the folder holds no study, or the study no such factor or value.
    """
    results = gather(LedgerReader.read(options.folder, clock=time.time, connect=options.connect))
    table = pivot(results, options.rows, options.columns, options.value)
    if options.json:
        print(json.dumps(plain_pivot(table), allow_nan=False))
        return
    Terminal().print(table_of(f"{results.study.name}: {table.value}", pivot_cells(table)), highlight=False)
