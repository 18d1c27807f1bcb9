"""What a study has come to: written into its folder, and presented."""

import shlex
import time
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from tune.cli.session.show import Show
from tune.errors import StudyStopped
from tune.ledger.log import log
from tune.ledger.reader import LedgerReader
from tune.views.report.page import write_best, write_report
from tune.views.results import Results, gather
from tune.views.sentences import nothing_found


@dataclass(frozen=True)
class Written:
    """The files in which a study's results are, and what is to be said of the report."""

    best: Path | None
    report: Path | None
    said: str


def results_of(folder: Path) -> tuple[Results, Written]:
    """Returns what a study has come to, and writes it."""
    results = gather(LedgerReader.read(folder, clock=time.time, connect=True))
    return results, _write_results(results)


def _write_results(results: Results) -> Written:
    """Writes winner and report; where the report fails the study is finished all the same, and its winner known."""
    best = write_best(results)
    try:
        report = write_report(results)
    except Exception as error:
        log.exception("the report could not be written")
        again = f"latent-tune report {shlex.quote(str(results.ledger.folder))}"
        failed = f"the report could not be written: {type(error).__name__}: {error}; try again with: {again}"
        return Written(best, None, failed)
    return Written(best, report, f"report: {report}")


def present(results: Results, written: Written, show: Show) -> Results:
    """Prints what a study has come to, and returns it."""
    show.results(results)
    show.console.print(Text(written.said), highlight=False, soft_wrap=True)
    if written.best is not None:
        show.console.print(f"train the winner again: latent-tune train {written.best}", highlight=False, soft_wrap=True)
    show.end(results, written.report, written.best)
    return results


def refuse_nothing(results: Results) -> None:
    """Raises StudyStopped if no trial of a study has come to anything: who reads exit codes takes 0 for an answer."""
    if results.best is None:
        raise StudyStopped(nothing_found(results))
