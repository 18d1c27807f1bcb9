"""What seedings say of a training."""

from tune.scoring.check.measured import Seeding
from tune.scoring.check.seeding import shared_seedings, shared_text, unseeded, unseeded_text


def seeding(value: int | None, where: str = "train.py:34", call: str = "numpy.random.default_rng") -> Seeding:
    return Seeding(call, value, where)


def test_the_same_value_at_the_same_place_is_shared() -> None:
    """Another line, another call, another value, or a line that only one of them ran, is not."""
    a = [seeding(0), seeding(1, "train.py:40"), seeding(5, "data.py:1"), seeding(9, "data.py:2")]
    b = [seeding(5, "data.py:1", "random.seed"), seeding(0), seeding(2, "train.py:40"), seeding(9, "data.py:3")]
    assert shared_seedings(a, b) == [seeding(0)]


def test_a_line_that_seeds_often_is_compared_in_its_order() -> None:
    """The epoch as the seed is shared; the seed times the epoch is not, although the first epoch is 0 for all."""
    a = [seeding(value, where) for value in (0, 1, 2) for where in ("epoch.py:1", "times.py:1")]
    b = [one if one.where == "epoch.py:1" else seeding((one.value or 0) * 7, one.where) for one in a]
    assert shared_seedings(a, b) == [seeding(value, "epoch.py:1") for value in (0, 1, 2)]


def test_what_has_no_seed_is_not_shared_but_unseeded() -> None:
    """It draws other numbers each time, which is told apart, once for each line."""
    a = [seeding(None), seeding(None), seeding(3)]
    assert shared_seedings(a[:2], a[:2]) == []
    assert unseeded(a) == [seeding(None)]
    assert unseeded_text(seeding(None)) == (
        "train.py:34 calls numpy.random.default_rng without a seed, which draws other numbers in each training; give "
        "it one that is made from the study's seed"
    )


def test_a_split_of_the_data_is_not_called_wrong() -> None:
    """All seeds share it rightly, so the text says what sharing is right for and what not."""
    end = " for every seed: right for a split of the data, wrong for the order of batches or the initial weights"
    assert shared_text(seeding(0)) == f"train.py:34 seeds numpy.random.default_rng with 0{end}"
    assert shared_text(seeding(-77)) == f"train.py:34 seeds numpy.random.default_rng with the same value{end}"
    assert shared_text(seeding(67280421310721, call="torch.Generator")) == (
        f"train.py:34 makes a torch.Generator that is given no seed, and then draws the same{end}"
    )
