"""Sizes as people write them."""

import pytest
from pydantic import ValidationError

from tests.fakes.studies import quadratic_study
from tune.study.units import parse_size, show_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500MB", 500_000_000),
        ("2 GB", 2_000_000_000),
        ("1.5GiB", 1_610_612_736),
        ("64k", 64_000),
        ("3 tib", 3 * 2**40),
        ("12", 12),
        (12, 12),
        (None, None),
    ],
)
def test_sizes_are_read(text: object, size: object) -> None:
    """Powers of 1000 and of 1024, with or without a space, in any case; what is no text is left to the type."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["much", "GB", "-1GB", "1 XB", "1,5GB", ""])
def test_other_words_are_refused(text: str) -> None:
    """A size that cannot be read is named with what can."""
    with pytest.raises(ValueError, match=r"a size is written like 500MB, 2GB or 1\.5GiB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1000, "1 kB"), (999_900, "1 MB"), (2.5e12, "2.5 TB")]
)
def test_sizes_are_shown(size: float, text: str) -> None:
    """Three digits, in the unit that keeps them short."""
    assert show_size(size) == text


def test_a_study_says_its_policy(tmp_path: object) -> None:
    """What is left out has a default; what cannot be meant is refused."""
    assert (quadratic_study().storage.keep, quadratic_study().storage.min_free) == (3, 500_000_000)
    assert quadratic_study(storage={"keep": "all", "min_free": "2GB"}).storage.min_free == 2_000_000_000
    for wrong in ({"keep": -1}, {"keep": "some"}, {"min_free": -1}, {"min_free": "much"}, {"min_free": 0.5}):
        with pytest.raises(ValidationError):
            quadratic_study(storage=wrong)
