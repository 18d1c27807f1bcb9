"""`latent-tune compare`."""

import argparse
import json
from pathlib import Path

from tune.cli.options import numbers
from tune.errors import UserMistake
from tune.ledger.imports.reading import read_runs
from tune.ledger.printable import printable
from tune.ledger.storage.files import write_atomically
from tune.scoring.comparison.comparison import Comparison, Question, compare_runs
from tune.scoring.comparison.plan import plan_of
from tune.views.console import Terminal
from tune.views.terminal.compare import print_comparison
from tune.views.terminal.compare_json import comparison_json

_PRINTED = Path("-")


def main(options: argparse.Namespace) -> None:
    """Sets runs side by side.

    Raises:
        UserMistake: If something is no run, they have nothing in common, or the plan cannot be written.
    """
    metrics = [] if options.metric is None else [options.metric]
    at = tuple(numbers("--at", options.at)) if options.at is not None else None
    question = Question(
        metric=options.metric,
        maximize=None if options.direction is None else options.direction == "maximize",
        below=options.below,
        at=at,
        last=options.last,
    )
    if options.json and options.plan_out == _PRINTED:
        raise UserMistake("--plan-out -: prints the plan and nothing else; with --json it is under the key plan")
    comparison = compare_runs(read_runs(options.runs, metrics=metrics, connect=options.connect), question)
    if options.plan_out is not None:
        _write_plan(comparison, options.plan_out)
    if options.json:
        print(json.dumps(comparison_json(comparison), indent=2, ensure_ascii=True))
    elif options.plan_out != _PRINTED:
        print_comparison(comparison, Terminal())


def _write_plan(comparison: Comparison, path: Path) -> None:
    plan = plan_of(comparison)
    if plan is None:
        raise UserMistake("--plan-out: nothing is confounded in these runs, so there is no plan to write")
    if path == _PRINTED:
        print(printable(plan.text()), end="")
        return
    if path.exists():
        raise UserMistake(f"--plan-out: {path} is there already; give another name, or move it away")
    try:
        write_atomically(path, lambda file: file.write(plan.text().encode()))
    except OSError as error:
        raise UserMistake(f"--plan-out: {path} cannot be written: {error.strerror}; give another place") from None
