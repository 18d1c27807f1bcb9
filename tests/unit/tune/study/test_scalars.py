"""What is written in a study file is what is read from it."""

import yaml
from hypothesis import given
from hypothesis import strategies as st

from tune.study import document

TEXTS = ["010", "08", "0o7", "1e-4", "1:30", "2024-01-01", "1_000", "yes", "x", "1.5", "~", "=", "<<", "0x1F", ""]


def test_numbers_are_read_as_they_look() -> None:
    """Octal with its letter, exponents, underscores and hexadecimal are numbers; a date is text."""
    text = "a: 0o10\nb: 1_000\nc: 1e-4\nd: 2024-01-01\ne: 0x1F\nf: 0\ng: -0.5\nh: '010'"
    found = document.parse(text, "x")
    expected = {"a": 8, "b": 1000, "c": 1e-4, "d": "2024-01-01", "e": 31, "f": 0, "g": -0.5, "h": "010"}
    assert (found.value, found.mistakes) == (expected, [])


@given(st.lists(st.one_of(st.sampled_from(TEXTS), st.text(), st.from_regex(r"[-+]?[0-9_:.eExo]{1,8}", fullmatch=True))))
def test_a_text_that_is_written_is_the_text_that_is_read(texts: list[str]) -> None:
    """Whatever looks like a number, a date or a word of YAML's gets quotes, so a stored study is the same one."""
    found = document.parse(document.dump({"a": texts}), "x")
    assert (found.value, found.mistakes) == ({"a": texts}, [])


def test_other_users_of_yaml_read_as_before() -> None:
    """PyYAML itself, which a trainer may use in the same process, has no rules of ours."""
    assert yaml.safe_load("[1e-4, 010]") == ["1e-4", 8]
