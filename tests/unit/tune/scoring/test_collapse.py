"""How far features have collapsed: against closed forms, and what must not change it."""

import re
from math import exp, isnan, log, nan
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tune.errors import TrainerMistake
from tune.scoring.collapse import COLUMNS, MOST_SAMPLES, Spectrum, as_columns, spectrum

SOURCES = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def gaussian(source: np.random.Generator, samples: int, dimensions: int, rank: int) -> np.ndarray:
    """Samples in a random subspace of so many dimensions, the same variance in each of its directions."""
    directions = np.linalg.qr(source.standard_normal((dimensions, rank)))[0]
    return source.standard_normal((samples, rank)) @ directions.T


def with_singular_values(source: np.random.Generator, samples: int, values: np.ndarray) -> np.ndarray:
    """Centred samples of exactly these singular values, in random directions."""
    left = source.standard_normal((samples, len(values)))
    left = np.linalg.qr(left - left.mean(axis=0))[0]
    right = np.linalg.qr(source.standard_normal((len(values), len(values))))[0]
    return (left * values) @ right.T


def figures(one: Spectrum) -> tuple[float, float, float]:
    return one.effective_rank, one.variance, one.cosine


@given(source=SOURCES, rank=st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_of_gaussians_in_a_subspace_it_is_about_the_rank_of_that(source: np.random.Generator, rank: int) -> None:
    """It is never above the rank, and close below where there are many samples."""
    found = spectrum(gaussian(source, 2000, 40, rank))
    assert 0.98 * rank <= found.effective_rank <= rank * (1 + 1e-6)
    assert found.variance == pytest.approx(rank / 40, rel=0.2)
    assert (found.dimensions, found.samples) == (40, 2000)


@given(source=SOURCES, values=st.lists(st.floats(1e-3, 1.0), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_it_is_the_exponential_of_the_entropy_of_the_singular_values(
    source: np.random.Generator, values: list[float]
) -> None:
    """As Roy and Vetterli define it, of centred features."""
    found = spectrum(with_singular_values(source, 30, np.array(values)) + 3.0)
    shares = np.array(values) / sum(values)
    assert found.effective_rank == pytest.approx(exp(-sum(share * log(share) for share in shares)), rel=1e-6)
    assert found.variance == pytest.approx(sum(value * value for value in values) / (30 * len(values)), rel=1e-6)


@given(source=SOURCES, scale=st.sampled_from([1e-200, 1e-30, 0.3, 7.0, 1e30, 1e150]))
@settings(max_examples=40, deadline=None)
def test_scale_and_rotation_do_not_matter(source: np.random.Generator, scale: float) -> None:
    """Nor does an offset to the rank; the variance goes with the square of the scale."""
    plain = source.standard_normal((200, 9)) * np.linspace(0.1, 1, 9) + 0.5
    rotation = np.linalg.qr(source.standard_normal((9, 9)))[0]
    before, turned, scaled = spectrum(plain), spectrum(plain @ rotation), spectrum(plain * scale)
    assert figures(turned) == pytest.approx(figures(before), rel=1e-9)
    assert scaled.effective_rank == pytest.approx(before.effective_rank, rel=1e-9)
    assert scaled.cosine == pytest.approx(before.cosine, rel=1e-9)
    if scale > 1e-100:
        assert scaled.variance == pytest.approx(before.variance * scale * scale, rel=1e-9)
    assert spectrum(plain + 100.0).effective_rank == pytest.approx(before.effective_rank, rel=1e-6)


@given(source=SOURCES, samples=st.integers(2, 30), dimensions=st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_the_cosine_is_the_mean_over_all_pairs(source: np.random.Generator, samples: int, dimensions: int) -> None:
    """The closed form says what the matrix of pairs says; samples of zeros only point nowhere and are left out."""
    rows = source.standard_normal((samples, dimensions)) + source.standard_normal(dimensions)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    pairs = (unit @ unit.T)[~np.eye(samples, dtype=bool)]
    assert spectrum(rows).cosine == pytest.approx(pairs.mean(), abs=1e-12)
    padded = np.concatenate([rows, np.zeros((3, dimensions))])
    assert spectrum(padded).cosine == pytest.approx(pairs.mean(), abs=1e-12)


@given(source=SOURCES, samples=st.integers(2, 20))
@settings(max_examples=30, deadline=None)
def test_with_fewer_samples_than_dimensions_the_ceiling_is_theirs(source: np.random.Generator, samples: int) -> None:
    """Centred samples span one dimension less than there are samples; the share is of that."""
    found = spectrum(source.standard_normal((samples, 500)))
    assert 0.9 * (samples - 1) <= found.effective_rank <= samples - 1
    assert found.share == found.effective_rank / (samples - 1)


@pytest.mark.parametrize("value", [0.1, 1 / 3, -6e4])
@pytest.mark.parametrize("kind", ["float64", "float32", "float16"])
def test_features_that_are_one_point_have_no_rank_at_all(value: float, kind: str) -> None:
    """Not even one of rounding; all samples are alike."""
    found = spectrum(np.full((7, 3), value).astype(kind))
    assert (found.effective_rank, found.variance, found.share) == (0.0, 0.0, 0.0)
    assert found.cosine == pytest.approx(1.0, abs=1e-12)


def test_zeros_have_no_direction() -> None:
    """Dead units are one point, of which no cosine is known."""
    found = spectrum(np.zeros((7, 3)))
    assert (found.effective_rank, found.variance, found.share) == (0.0, 0.0, 0.0)
    assert isnan(found.cosine)


def test_rounding_is_no_direction() -> None:
    """Features that differ by less than their type can tell apart are one point; by more they are not."""
    source = np.random.default_rng(0)
    noise = source.standard_normal((400, 30))
    assert spectrum((1 + 1e-8 * noise).astype(np.float32)).effective_rank == 0.0
    assert spectrum((1 + 1e-5 * noise).astype(np.float32)).effective_rank > 25
    line = source.standard_normal((400, 1)) @ source.standard_normal((1, 30))
    assert spectrum(line.astype(np.float32)).effective_rank == pytest.approx(1.0, abs=1e-3)


def test_a_spread_around_a_great_offset_shows_in_the_cosine() -> None:
    """Its rank is full and its variance is what it is; every two samples point in one direction."""
    found = spectrum(np.random.default_rng(0).standard_normal((500, 16)) + 100.0)
    assert found.effective_rank > 15
    assert found.cosine > 0.999


@pytest.mark.parametrize("bad", [nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_left_out(bad: float) -> None:
    """The others tell what they tell alone; with fewer than two nothing is known."""
    rows = np.random.default_rng(0).standard_normal((50, 6))
    broken = np.concatenate([rows, rows[:3]])
    broken[50, 1] = broken[51, 5] = broken[52, 0] = bad
    assert spectrum(broken) == spectrum(rows)
    for none in (np.full((9, 4), bad), np.array([[1.0, 2.0], [bad, 1.0]]), np.ones((1, 5))):
        found = spectrum(none)
        assert all(map(isnan, (*figures(found), found.share)))
        assert found.samples <= 1


@pytest.mark.parametrize("kind", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_numbers_of_any_width_are_read(kind: torch.dtype) -> None:
    """Tensors with a gradient as well as arrays; short ones say the same but for their digits."""
    plain = np.random.default_rng(0).standard_normal((300, 8))
    tensor = torch.tensor(plain).to(kind).requires_grad_()
    assert figures(spectrum(tensor)) == pytest.approx(figures(spectrum(plain)), rel=2e-2, abs=1e-3)
    assert spectrum((plain * 10).astype(np.int64)).effective_rank == pytest.approx(8, rel=0.02)


def test_of_very_many_samples_the_same_ones_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """They lie at equal distances, so that a drift over time is seen; of many dimensions they are fewer."""
    many = np.random.default_rng(0).standard_normal((MOST_SAMPLES + 5000, 3)).cumsum(axis=0)
    found = spectrum(many)
    assert found == spectrum(many)
    assert found.samples == MOST_SAMPLES
    assert figures(found) == pytest.approx(figures(spectrum(many[::2])), rel=1e-2)
    monkeypatch.setattr("tune.scoring.collapse._MOST_WORK", 10**6)
    assert [spectrum(many[:300, :1].repeat(wide, axis=1)).samples for wide in (10, 90, 1000)] == [300, 123, 31]


def test_columns_are_of_six_digits() -> None:
    """One number per seed by name, in the order of the seeds."""
    columns = as_columns([Spectrum(16, 4.0000004, 1 / 3, -0.5, 100), Spectrum(16, nan, nan, nan, 0)])
    assert list(columns) == list(COLUMNS)
    assert [values[0] for values in columns.values()] == [4.0, 0.25, 0.333333, -0.5]
    assert all(isnan(values[1] or 0.0) for values in columns.values())


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.ones(3), "features: must be a matrix [samples, dimensions] with at least one of each, got ndarray"),
        (np.ones((2, 3, 4)), "features: must be a matrix [samples, dimensions] with at least one of each, got ndarray"),
        (np.ones((0, 3)), "features: must be a matrix [samples, dimensions] with at least one of each, got ndarray"),
        ([["a", "b"]], "features: must be real numbers, got list [['a', 'b']], dtype <U1"),
        (np.ones((2, 2), dtype=complex), "features: must be real numbers, got ndarray of shape (2, 2), dtype complex"),
        ([[1.0], [1.0, 2.0]], "features: list [[1.0], [1.0, 2.0]] cannot be read: ValueError"),
    ],
)
def test_what_is_no_matrix_is_refused(features: Any, message: str) -> None:
    """In words, with what it is."""
    with pytest.raises(TrainerMistake, match=re.escape(message)):
        spectrum(features)
