"""Features and rows of splits as trainers hand them over."""

from itertools import count
from typing import Any

import numpy as np
import pytest
import torch

from tune.errors import TrainerMistake
from tune.ledger.incoming_arrays import features_of, splits_of

TWO = (1, 12)

TWO_BY_THREE = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    "given",
    [
        [TWO_BY_THREE, TWO_BY_THREE + 1],
        (TWO_BY_THREE.tolist(), torch.tensor(TWO_BY_THREE + 1, requires_grad=True)),
        np.stack([TWO_BY_THREE, TWO_BY_THREE + 1]),
        torch.tensor(np.stack([TWO_BY_THREE, TWO_BY_THREE + 1]), dtype=torch.bfloat16),
        {12: TWO_BY_THREE.astype(int) + 1, 1: TWO_BY_THREE.astype(np.float16)},
        (TWO_BY_THREE + place for place in range(2)),
    ],
    ids=["list", "tuple", "array", "tensor", "by seed", "generator"],
)
def test_features_are_a_matrix_per_seed(given: Any) -> None:
    """Whatever holds one is taken, in the order of the seeds."""
    taken = features_of(given, TWO)
    assert list(taken) == [1, 12]
    assert [of_seed.tolist() for of_seed in taken.values()] == [TWO_BY_THREE.tolist(), (TWO_BY_THREE + 1).tolist()]


def test_one_seed_has_one_matrix_and_none_has_none() -> None:
    """It need not be in a list; None is for a model that has no features; what is masked is not known."""
    assert features_of(torch.tensor(TWO_BY_THREE), [7])[7].tolist() == TWO_BY_THREE.tolist()
    assert features_of([TWO_BY_THREE], [7])[7].shape == (2, 3)
    assert features_of(None, TWO) == {}
    masked = features_of(np.ma.masked_equal(TWO_BY_THREE, 4.0), [7])[7]
    assert np.isnan(masked).tolist() == [[False] * 3, [False, True, False]]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3.0, "must be one matrix [samples, dimensions] per seed, got float 3.0"),
        (np.array(3.0), "must be one matrix [samples, dimensions] per seed, got ndarray"),
        ("ab", "must be one matrix [samples, dimensions] per seed, got str 'ab'"),
        ([TWO_BY_THREE], "1 matrices for 2 seeds; one per seed, in their order"),
        (np.stack([TWO_BY_THREE] * 3), "3 matrices for 2 seeds; one per seed, in their order"),
        (count(), "3 or more matrices for 2 seeds"),
        ({1: TWO_BY_THREE}, "one matrix for each of the seeds [1, 12], got those of list [1]"),
        ({1: TWO_BY_THREE, 2: TWO_BY_THREE}, "one matrix for each of the seeds [1, 12], got those of list [1, 2]"),
        (TWO_BY_THREE, "features of seed 1: must be a matrix [samples, dimensions] with at least one of each, got"),
        ([TWO_BY_THREE, np.ones((2, 3, 4))], "features of seed 12: must be a matrix [samples, dimensions] with"),
        ([TWO_BY_THREE, np.ones((0, 3))], "features of seed 12: must be a matrix [samples, dimensions] with at least"),
        ([TWO_BY_THREE, None], "features of seed 12: must be real numbers, got NoneType None, dtype object"),
        ([[["a"]], TWO_BY_THREE], "features of seed 1: must be real numbers, got list [['a']], dtype <U1"),
        ([TWO_BY_THREE, 1j * TWO_BY_THREE], "features of seed 12: must be real numbers, got ndarray of shape (2, 3)"),
        (
            [TWO_BY_THREE, torch.zeros(2, 3, device="meta")],
            "features of seed 12: Tensor of shape (2, 3) cannot be read",
        ),
    ],
)
def test_what_are_no_features_is_refused(given: Any, message: str) -> None:
    """The message has the seed, the value and the rule."""
    with pytest.raises(TrainerMistake) as caught:
        features_of(given, TWO)
    assert message in str(caught.value)


def test_splits_are_rows_by_name() -> None:
    """In their order; nothing is copied of what is an array."""
    taken = splits_of({"train": TWO_BY_THREE, "test": torch.ones(4, 2, 2)})
    assert taken["train"] is TWO_BY_THREE
    assert {name: rows.shape for name, rows in taken.items()} == {"train": (2, 3), "test": (4, 2, 2)}
