"""Rows of one split that lie in another."""

import re
from typing import Any

import numpy as np
import pytest
import torch

from tune.errors import TrainerMistake
from tune.scoring.overlaps import overlaps

ROWS = np.random.default_rng(0).standard_normal((1000, 5))


def test_splits_apart_share_nothing() -> None:
    """Every pair is told, of the later of the two."""
    assert overlaps({"train": ROWS[:600], "validation": ROWS[600:800], "test": ROWS[800:]}) == {
        "validation in train": 0.0,
        "test in train": 0.0,
        "test in validation": 0.0,
    }


def test_the_share_of_copies_is_told() -> None:
    """Wherever they stand, and whatever kind of numbers they are kept as."""
    mixed = ROWS[np.random.default_rng(1).permutation(1000)]
    found = overlaps({"train": ROWS[:600], "validation": ROWS[500:700], "test": ROWS[500:700].astype(np.float32)})
    assert found == {"validation in train": 0.5, "test in train": 0.5, "test in validation": 1.0}
    assert overlaps({"train": mixed, "test": torch.tensor(ROWS[:50], dtype=torch.bfloat16)}) == {"test in train": 0.0}
    images = ROWS[:400].reshape(40, 10, 5)
    assert overlaps({"train": images, "test": torch.tensor(images[30:])}) == {"test in train": 1.0}


def test_a_state_that_recurs_counts_once() -> None:
    """A recording that rests has one row in common, however long it rests."""
    rest = np.tile(ROWS[999], (300, 1))
    found = overlaps({"train": np.concatenate([rest, ROWS[:99]]), "test": np.concatenate([rest, ROWS[200:299]])})
    assert found == {"test in train": 1 / 100}
    assert overlaps({"train": ROWS[:99], "test": np.tile(ROWS[:50], (4, 1))}) == {"test in train": 1.0}


@pytest.mark.parametrize("value", [0.0, -0.0, 3.5, np.nan, np.inf])
def test_padding_is_left_out(value: float) -> None:
    """Rows of one number all over are no copies of each other."""
    padding = np.full((200, 5), value)
    found = overlaps({"train": np.concatenate([padding, ROWS[:500]]), "test": np.concatenate([ROWS[500:], padding])})
    assert found == {"test in train": 0.0}


def test_where_rows_say_nothing_nothing_is_said() -> None:
    """Of constant recordings, of single numbers, and of splits without rows."""
    flat = np.tile(ROWS[0], (100, 1))
    assert overlaps({"train": flat, "test": flat}) == {}
    assert overlaps({"train": np.arange(100), "test": np.arange(100)}) == {}
    assert overlaps({"train": ROWS, "validation": ROWS[:0], "test": ROWS[:10]}) == {"test in train": 1.0}
    assert overlaps({}) == {}


def test_zero_has_one_sign_and_nan_is_nan() -> None:
    """Rows are compared by what they say, not by their bits; where types differ, as the coarsest says it."""
    one, other = ROWS[:10].copy(), ROWS[:10].copy()
    one[:, 0], other[:, 0] = 0.0, -0.0
    one[:, 1] = other[:, 1] = np.nan
    other[0, 2] = one[0, 2] = np.inf
    assert overlaps({"train": one, "test": other}) == {"test in train": 1.0}
    assert overlaps({"train": one, "test": other.astype(np.float16)}) == {"test in train": 1.0}
    assert overlaps({"train": [[1, 2], [3, 4]], "test": [[1.0, 2.0], [3.0, 5.0]]}) == {"test in train": 0.5}


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ([ROWS], "must be a mapping from the name of each split to its rows, got list"),
        ({1: ROWS}, "split int 1: the name of a split must be a text"),
        ({"train": 3.0}, "split 'train': must have rows, got float 3.0"),
        ({"train": ["a", "b"]}, "split 'train': must be real numbers, got list ['a', 'b'], dtype <U1"),
        ({"train": None}, "split 'train': must be real numbers, got NoneType None, dtype object"),
    ],
)
def test_what_has_no_rows_is_refused(splits: Any, message: str) -> None:
    """The message has the split, the value and the rule."""
    with pytest.raises(TrainerMistake, match=re.escape(message)):
        overlaps(splits)
