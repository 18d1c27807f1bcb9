"""What is shown to people: text from files, ledgers, trainers and errors, in which nothing can act on a terminal."""

import os
import sys
from contextlib import suppress

_LAYOUT = "\n\t"


def printable(text: object) -> str:
    r"""Returns text in which every character that is no glyph is written as its escape, but line feeds and tabs.

    Terminal escapes (ESC, C1), carriage returns, marks that turn the direction of writing and characters of no width
    become `\x1b`, `\r`, `\u202e`; what cannot be encoded, such as bytes of a file's name, becomes `\udc80`.

    Args:
        text: Anything; an error says what it says.
    """
    said = str(text)
    if said.isprintable():
        return said
    return "".join(one if one.isprintable() or one in _LAYOUT else _escaped(one) for one in said)


def printable_line(text: object) -> str:
    r"""Returns the same on one line: line feeds and tabs are written as `\n` and `\t` as well."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def output_fault() -> OSError | None:
    """Returns why standard output takes nothing, None where it does: an error of writing says not of what.

    Where it takes none, what waits to be written is given up, so that the end of the process does not fail of it too.
    """
    try:
        descriptor = sys.stdout.fileno()
    except (AttributeError, ValueError, OSError):  # no file, or closed
        return None
    try:
        os.write(descriptor, b"\n")
    except OSError as error:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
        return error
    return None


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
