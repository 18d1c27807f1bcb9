"""What is shown to people: text from files, ledgers, trainers and errors, in which nothing can act on a terminal."""

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


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
