"""The terminal as all views see it."""

import io

import pytest

from tune.views.console import Terminal


class Left(io.StringIO):
    """A pipe whose reader has left."""

    def write(self, text: str, /) -> int:
        raise BrokenPipeError


def test_a_reader_who_has_left_is_not_an_error_of_ours() -> None:
    """As `head` does: the command hears of it and ends as it does of any other write."""
    with pytest.raises(BrokenPipeError):
        Terminal(file=Left()).print("x")
