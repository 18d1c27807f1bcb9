"""The command line: parse, call, print.

Exit codes: 0 done; 2 the user's mistake; 3 a check said no-go; 130 interrupted, with the command that continues printed
last; 1 the rest.
Nothing heavy is imported before it is needed, so that `--help` answers at once.
"""

import argparse
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TypeAlias

from tune.cli.options import (
    add_accepting,
    add_connect,
    add_driver,
    add_folder,
    add_growth,
    add_results,
    add_set,
    add_showing,
)
from tune.errors import LatentTuneError
from tune.ledger.printable import output_fault, printable

_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no other name

_OVERVIEW = """\
Hyperparameter search that can be trusted: every trial is trained on several seeds, early stopping works on their
distribution, and nothing computed is ever lost.

  latent-tune init --from script train.py           write a study of a program's own options
  latent-tune run search_spaces/quickstart.yaml     search, and say which setting to use
  latent-tune resume results/quickstart             continue after Ctrl-C, a crash or a reboot
  latent-tune train results/quickstart/best.yaml    train the winner again
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    options = build_parser().parse_args(arguments)
    try:
        import_module(f"tune.cli.commands.{options.command}").main(options)
        sys.stdout.flush()  # here and not at the end of the process, which would fail of it without a word
    except LatentTuneError as error:
        _say(str(error), debug=options.debug)
        return error.exit_code
    except BrokenPipeError:
        # The reader of a pipe has left, as `head` does.
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        return 130
    except SystemExit as error:  # a trainer's, or of what it imports; passed on it could look like success
        _say(f"sys.exit({error.code!r}) was called on the way, in the trainer or what it imports", debug=options.debug)
        return 1
    except OSError as error:
        fault = output_fault()
        said = f"{type(error).__name__}: {error} (--debug shows where)"
        _say(said if fault is None else f"standard output cannot be written: {fault.strerror}", debug=options.debug)
        return 1
    except Exception as error:  # the last resort of a program: say it in one line, with the way to the rest
        _say(f"{type(error).__name__}: {error} (--debug shows where)", debug=options.debug)
        return 1
    return 0


def _say(message: str, *, debug: bool) -> None:
    """Prints the message of the error that is handled, with its traceback before it where that is asked for."""
    if debug:
        print(printable(traceback.format_exc()), file=sys.stderr, end="")
    print(printable(f"latent-tune: {message}"), file=sys.stderr)


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="latent-tune", description=_OVERVIEW, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--debug", action="store_true", help="show a traceback with every error")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    _add_init(commands)
    _add_checking(commands)
    _add_searching(commands)
    _add_looking(commands)
    _add_training(commands)
    return parser


def _add(commands: "_Commands", name: str, text: str) -> argparse.ArgumentParser:
    sub = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    sub.set_defaults(command=name)
    sub.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return sub


def _add_table(commands: "_Commands") -> None:
    """Adds the command that tabulates a study by two factors."""
    table = _add(commands, "table", "tabulate a study by two factors: what is done or missing, losses, any metric")
    add_folder(table)
    table.add_argument("--rows", metavar="NAME", required=True, help="a parameter; of a plan also round, arm, epochs")
    table.add_argument("--columns", metavar="NAME", default="", help="another one (default: a single column)")
    table.add_argument(
        "--value",
        metavar="NAME",
        default="coverage",
        help="coverage (mean, and what is done, running, missing or failed), loss, failed, or a metric of the trainer, "
        "such as samples_per_second (default: coverage)",
    )
    table.add_argument("--json", action="store_true", help="print the cells as JSON, with trials and values")


def _add_init(commands: "_Commands") -> None:
    """Adds the command that writes a study."""
    init = _add(commands, "init", "write a study: of a program's own options, or of a template with its training")
    init.add_argument(
        "path", metavar="PROGRAM", type=Path, nargs="?", help="with --from script: what trains, such as train.py"
    )
    init.add_argument(
        "--from",
        dest="source",
        required=True,
        choices=("script", "function", "torch", "lightning", "sklearn"),
        help="script: the options of a program (argparse, click, typer, tyro, fire, Hydra) are read from its source; "
        "else a small training and its study are written",
    )
    init.add_argument("--name", metavar="NAME", help="of the study (default: of the program's file)")
    init.add_argument("--out", metavar="FILE", type=Path, help="the study file (default: NAME.yaml beside the program)")
    init.add_argument("--force", action="store_true", help="overwrite files that are there")
    init.add_argument(
        "--config", metavar="FILE", type=Path, help="JSON, YAML or TOML that tells the program its settings"
    )
    init.add_argument(
        "--metrics",
        choices=("lines", "jsonl", "csv", "tensorboard", "report"),
        help="how the program tells its metrics: lines that it prints, a file of JSON lines, CSV, TensorBoard's event "
        "files, calls of latent_tune.report (default: what its source shows)",
    )
    init.add_argument("--subcommand", metavar="WORD", help="of a program that has several")
    init.add_argument(
        "--help-run",
        action="store_true",
        help="run the program with --help and read what it prints; this executes it, for 60 s at most",
    )


def _add_checking(commands: "_Commands") -> None:
    """Adds the command that says go or no-go."""
    check = _add(commands, "check", "train a study's middle and ends for a few epochs, and say go or no-go")
    check.add_argument("study", metavar="STUDY.yaml", help="as of run")
    check.add_argument(
        "--minutes", metavar="M", type=float, help="how long it may take (default: check.minutes of the study, 5)"
    )
    check.add_argument("--json", action="store_true", help="as JSON; the keys are documented in docs/check.md")
    add_results(check)
    add_set(check)
    add_driver(check)


def _add_searching(commands: "_Commands") -> None:
    """Adds the commands that work on a study."""
    run = _add(commands, "run", "search a study file's space; a study that exists is continued")
    run.add_argument("study", metavar="STUDY.yaml", help="a file, or the name of a study that comes with the package")
    add_results(run)
    add_set(run)
    add_driver(run)
    add_showing(run)
    add_accepting(run)
    run.add_argument(
        "--dry-run", action="store_true", help="print trials, rungs, cost and expected time; write nothing"
    )
    resume = _add(
        commands, "resume", "continue an interrupted study, or have a finished one do more, from its folder alone"
    )
    resume.add_argument(
        "folder",
        metavar="STUDY_FOLDER",
        help="such as results/quickstart; or the copy of a study whose machine was lost, such as s3://bucket/quickstart",
    )
    add_results(resume)
    add_driver(resume)
    add_showing(resume)
    add_accepting(resume)
    resume.add_argument(
        "--retry-failed",
        metavar="TRIAL",
        nargs="*",
        type=int,
        help="try trials again that died (default: all of them), such as after what they died of was mended",
    )
    add_growth(resume)


def _add_looking(commands: "_Commands") -> None:
    """Adds the commands that show a study."""
    status = _add(commands, "status", "say how a study stands")
    add_folder(status)
    status.add_argument("--json", action="store_true", help="as JSON; the keys are documented in docs/status.md")
    list_ = _add(commands, "list", "say how every study in a folder stands, a line for each")
    list_.add_argument(
        "folder", metavar="RESULTS_DIR", type=Path, nargs="?", default=Path("results"), help="default: results"
    )
    list_.add_argument("--json", action="store_true", help="as JSON; the keys are documented in docs/terminal.md")
    add_connect(list_)
    report = _add(commands, "report", "write report.md, report.html, figures/ and best.yaml again")
    add_folder(report)
    report.add_argument("--price", metavar="P", type=float, help="of a GPU-hour, in place of the study's")
    where = report.add_mutually_exclusive_group()
    where.add_argument("--out", metavar="DIR", type=Path, help="write into this folder, not into the study's")
    where.add_argument("--print", action="store_true", help="print the report as Markdown, and write nothing")
    export = _add(commands, "export", "write a study's trials, curves and decisions for other programs")
    add_folder(export)
    form = export.add_mutually_exclusive_group(required=True)
    form.add_argument(
        "--csv", metavar="DIR", type=Path, help="trials.csv, curves.csv, decisions.csv and what their columns are"
    )
    form.add_argument(
        "--parquet", metavar="FILE", type=Path, help="the curves, each row with its trial's state and parameters"
    )
    form.add_argument("--mlflow", metavar="URI", help="all runs, to the MLflow at this tracking URI")
    tensorboard = _add(commands, "tensorboard", "open a study in TensorBoard, on this machine only")
    add_folder(tensorboard)
    tensorboard.add_argument("--port", type=int, default=6006, help="port on 127.0.0.1 (default: 6006; 0: any)")
    _add_compare(commands)
    _add_table(commands)
    evaluate = _add(commands, "evaluate", "evaluate trials again whose evaluation failed; nothing is trained")
    add_folder(evaluate, reads=False)
    evaluate.add_argument("trials", metavar="TRIAL", nargs="*", type=int, help="trial numbers (default: all)")
    add_accepting(evaluate)


def _add_compare(commands: "_Commands") -> None:
    """Adds the command that sets runs side by side."""
    compare = _add(commands, "compare", "set runs of any sources side by side, and name what is confounded")
    compare.add_argument(
        "runs",
        metavar="RUN",
        nargs="+",
        help="results/a/3, or results/a 3 7; a CSV or Parquet file; a folder of TensorBoard's event files; a run of "
        "W&B or MLflow; Optuna's FILE.db or FILE.db:STUDY; one of several in these: SOURCE/NAME (docs/compare.md)",
    )
    compare.add_argument("--metric", metavar="NAME", help="what is compared (default: what is scored, else the loss)")
    compare.add_argument(
        "--direction", choices=("minimize", "maximize"), help="of it (default: as the source says, else by its name)"
    )
    compare.add_argument("--below", metavar="X", type=float, help="count the epochs to this value, or a better one")
    compare.add_argument(
        "--at",
        "--epochs",
        metavar="E,E",
        help="show values after these epochs (default: the rungs, else first and last)",
    )
    compare.add_argument(
        "--last", metavar="N", type=int, help="range and deviation over the last N epochs (default: 100, at most half)"
    )
    compare.add_argument("--json", action="store_true", help="as JSON; the keys are documented in docs/compare.md")
    compare.add_argument(
        "--plan-out",
        metavar="FILE",
        type=Path,
        help="write a plan of the runs that would separate what is confounded; -: print it alone",
    )
    add_connect(compare)


def _add_training(commands: "_Commands") -> None:
    """Adds the commands that need no study."""
    train = _add(commands, "train", "train one configuration, without a search")
    train.add_argument("config", metavar="CONFIG.yaml", type=Path, help="such as a study's best.yaml")
    add_results(train)
    add_set(train)
    add_accepting(train)
    train.add_argument("--profile", action="store_true", help="time some steps instead, and write a Chrome trace")
    simulate = _add(commands, "simulate", "write the built-in recording of the fly visual system")
    simulate.add_argument("out", metavar="OUT", type=Path, help="the .npy file to write, voltages [T, N]")
    simulate.add_argument("--extent", type=int, help="radius of the hexagonal eye in columns, 1 to 15")
    simulate.add_argument("--steps", type=int, help="rows")
    simulate.add_argument("--seed", type=int, help="of stimulus and noise")
