"""Conditions between parameters: what they say, and that nothing else is taken or can take long."""

import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tune.study.settings.expression import Expression

VALUES: dict[str, Any] = {
    "a": 3, "b": 4.5, "on": True, "name": "sgd", "layers": [64, 32], "training.batch_size": 128, "nothing": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("a <= b", True),
        ("a * 2 + 1 == 7 and b / 3 < 2", True),
        ("1 < a < 3", False),
        ("training.batch_size % (a + 1) == 0", True),
        ("name in ['adam', 'sgd'] or 1 / 0 > 1", True),
        ("not on or a == -3", False),
        ("on", True),
        ("64 in layers and layers != [64]", True),
        ("nothing == None and nothing != false", True),
        ("2 ** a // 3 >= 2", True),
        ("  (a\n <= b)", True),
    ],
)
def test_a_condition_says_what_python_would(text: str, holds: bool) -> None:
    """Arithmetic, comparisons, chains, `and`, `or`, `not`, `in`, dotted names."""
    assert Expression(text).holds(VALUES) is holds


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')", "a.__class__.__base__ == 1 + (lambda: 1)()", "[x for x in layers]",
        "a if on else b", "layers[0] == 64", "f'{a}' == '3'", "a := 3", "a | 1 == 3", "a << 99 > 1", "~a == 1",
        "a is 3", "{'a': 1} == a",
        "open('x')", "max(a, b) < 5", "a @ b == 1", "...", "b'x' == a", "1j == a", "*layers, 1", "await a", "a; b", "",
        "a <=", "(" * 500, "-" * 900 + "1 < 2", "1 +" * 150 + "1 < 2", "a" * 1001 + " < 2",
    ],
)  # fmt: skip
def test_nothing_but_conditions_is_taken(text: str) -> None:
    """It is refused when the study is read, with what may stand there."""
    with pytest.raises(ValueError, match=r"allowed:|is no condition|at most"):
        Expression(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a / 0 < 1", "division by zero"),
        ("a % 0 == 1", "cannot be worked out"),
        ("name < 3", "cannot be worked out"),
        ("name * 1000 == name", "name is 'sgd', not a number"),
        ("layers + layers == layers", r"layers is \[64, 32\], not a number"),
        ("a + 1", "a \\+ 1 is 4, not true or false; compare it with something"),
        ("on and a", "a is 3, not true or false"),
        ("9 ** 9 ** 9 > a", "more than 4,096 bits"),
        ("(a ** 2000) ** 2000 > a", "more than 4,096 bits"),
        ("2.5 ** 99999 > a", "cannot be worked out"),
        ("(-8) ** 0.5 < a", "a root of -8"),
        ("0 ** -1 < a", "cannot be worked out"),
    ],
)
def test_what_cannot_be_worked_out_is_said(text: str, said: str) -> None:
    """At once: numbers cannot grow without end, texts and lists are no numbers."""
    began = time.process_time()
    with pytest.raises(ValueError, match=said):
        Expression(text).holds(VALUES)
    assert time.process_time() - began < 1


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab0123456789.+-*/%<>=()[]', ornatdi\n", max_size=60))
def test_any_text_is_worked_out_or_refused(text: str) -> None:
    """Never another error, whatever stands there."""
    with suppress(ValueError):
        rule = Expression(text)
        rule.holds(dict.fromkeys(rule.names, 2))
