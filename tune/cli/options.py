"""Options that several commands have."""

import argparse
from pathlib import Path

from tune.errors import UserMistake


def add_folder(parser: argparse.ArgumentParser, *, reads: bool = True) -> None:
    """Adds the study folder and, for a command that only reads it, whether it may follow where the folder leads."""
    parser.add_argument("folder", metavar="STUDY_FOLDER", type=Path, help="such as results/quickstart")
    if reads:
        add_connect(parser)


def add_connect(parser: argparse.ArgumentParser) -> None:
    """Adds whether it may follow where a study folder leads."""
    parser.add_argument(
        "--connect",
        action="store_true",
        help="connect to the database server or object store that a study names, with the credentials of this "
        "environment; only for folders that you trust",
    )


def add_results(parser: argparse.ArgumentParser) -> None:
    """Adds where study folders are."""
    parser.add_argument("--results", metavar="DIR", type=Path, default=Path("results"), help="default: results")


def add_set(parser: "argparse.ArgumentParser | argparse._ArgumentGroup") -> None:
    """Adds what overrides values of the file."""
    parser.add_argument(
        "--set",
        metavar="path=value",
        action="append",
        default=[],
        dest="overrides",
        help="override a value of the file, such as search.trials=48 or scale=small; may be repeated",
    )


def add_accepting(parser: argparse.ArgumentParser) -> None:
    """Adds what may be another than the results are of."""
    for what, whole in (("recording", "a file of the recording"), ("code", "the trainer's source")):
        parser.add_argument(
            f"--accept-{what}",
            action="append_const",
            const=what,
            default=[],
            dest="accepted",
            help=f"go on although {whole} is not the one that the results so far are of",
        )


def add_growth(parser: argparse.ArgumentParser) -> None:
    """Adds what has a study do more."""
    more = parser.add_argument_group(
        "to do more than was asked for", "old results stay what they are (docs/growing.md)"
    )
    more.add_argument("--trials", metavar="N", type=int, help="so many trials in all")
    more.add_argument("--epochs", metavar="E", type=int, help="full trainings of E epochs: the ladder is extended")
    more.add_argument("--seeds", metavar="S,S", help="further seeds, comma between: more repeats for the best few")
    more.add_argument(
        "--budget",
        metavar="name=value",
        action="append",
        default=[],
        help="seed_epochs=5000, wall_clock=2h, gpu_hours=48 or money=120 in all; null takes it away; may be repeated",
    )
    add_set(more)


def add_driver(parser: argparse.ArgumentParser) -> None:
    """Adds who trains."""
    parser.add_argument(
        "--driver", choices=("ray", "inline"), help="ray: on all cores or a cluster; inline: in this process"
    )
    parser.add_argument("--address", metavar="ADDR", help="of a running Ray cluster (default: start Ray here)")


def add_showing(parser: argparse.ArgumentParser) -> None:
    """Adds how much is shown."""
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--quiet", action="store_true", help="print nothing but the answer, and errors")
    how.add_argument(
        "--json", action="store_true", help="print events, one JSON object per line; documented in docs/terminal.md"
    )


def numbers(option: str, text: str) -> list[int]:
    """Returns the numbers of a list with commas.

    Raises:
        UserMistake: If it holds anything else.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    wrong = [part for part in parts if not (part.isascii() and part.isdecimal())]
    if wrong:
        raise UserMistake(f"{option}: numbers with commas between them are wanted, such as 7,77,777; got {wrong[0]!r}")
    return [int(part) for part in parts]
