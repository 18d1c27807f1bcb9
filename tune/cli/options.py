"""What several commands read from their options."""

import argparse

from tune.cli.show import OutputMode
from tune.errors import UserMistake


def output_mode(options: argparse.Namespace) -> OutputMode:
    """Returns how a study is shown while it is worked on."""
    return "json" if options.json else "quiet" if options.quiet else "view"


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
