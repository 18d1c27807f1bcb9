"""What a trainer hands over: what is meant is converted, all else is refused in words."""

import re
from array import array
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from math import inf, isnan, nan
from typing import Any

import numpy as np
import pytest
import torch

from tune.errors import TrainerMistake
from tune.ledger.incoming import baseline_of, counts_of, line_of, lines_of, metrics_of, states_of, text_of

TWO = (1, 12)


class UnspeakableError(Exception):
    """Cannot be put into words."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


class Lazy:
    """An array of a library that only NumPy's protocol knows, as TensorFlow's are."""

    def __array__(self, *_: Any, **__: Any) -> Any:
        return np.array([0.5, 2.0])


MEANT: list[tuple[Any, list[float | None]]] = [
    ([0.5, 2], [0.5, 2.0]),
    ((0.5, None), [0.5, None]),
    (None, [None, None]),
    ([np.float32(0.5), np.int64(2)], [0.5, 2.0]),
    ([np.float16(0.5), np.longdouble(2)], [0.5, 2.0]),
    ([torch.tensor(0.5), torch.tensor(2)], [0.5, 2.0]),
    ([torch.tensor(0.5, requires_grad=True), np.array(2.0)], [0.5, 2.0]),
    (np.array([0.5, 2.0], dtype=np.float32), [0.5, 2.0]),
    (np.ma.masked_array([0.5, 9.0], [False, True]), [0.5, None]),
    (torch.tensor([0.5, 2.0], dtype=torch.bfloat16, requires_grad=True), [0.5, 2.0]),
    ({12: 2.0, 1: 0.5}, [0.5, 2.0]),
    ({np.int64(1): np.float64(0.5), 12: None}, [0.5, None]),
    ({1: torch.tensor(0.5), 12: torch.tensor(2.0)}, [0.5, 2.0]),
    ([True, np.False_], [1.0, 0.0]),
    ([Fraction(1, 2), Decimal(2)], [0.5, 2.0]),
    ([inf, -inf], [inf, -inf]),
    (array("d", [0.5, 2.0]), [0.5, 2.0]),
    (range(1, 3), [1.0, 2.0]),
    ((loss for loss in (0.5, 2.0)), [0.5, 2.0]),
    (Lazy(), [0.5, 2.0]),
]


@pytest.mark.parametrize(("given", "meant"), MEANT, ids=lambda one: re.sub(r" at 0x\w*", "", repr(one))[:40])
def test_what_is_meant_is_taken(given: Any, meant: list[float | None]) -> None:
    """Whatever holds one number per seed is one list of Python's floats, in the order of the seeds."""
    taken = metrics_of({"loss": given}, TWO)
    assert taken == {"loss": meant}
    assert {type(value) for value in taken["loss"]} <= {float, type(None)}


@pytest.mark.parametrize("given", [0.5, np.float32(0.5), np.array(0.5), np.array([0.5]), torch.tensor(0.5), {7: 0.5}])
def test_one_number_is_enough_for_one_seed(given: Any) -> None:
    """A trainer with one seed need not make a list of its loss."""
    assert metrics_of({"loss": given}, [7]) == {"loss": [0.5]}


def test_what_is_not_finite_stays_so() -> None:
    """A loss that diverged is no mistake of the trainer's."""
    first, second = metrics_of({"loss": torch.tensor([nan, inf])}, TWO)["loss"]
    assert first is not None
    assert isnan(first)
    assert second == inf


def endless() -> Iterator[float]:
    while True:
        yield 0.5


REFUSED: list[tuple[Any, str]] = [
    ([0.5], "metric 'loss' has 1 values for 2 seeds"),
    ([], "metric 'loss' has 0 values for 2 seeds"),
    ([0.5, 0.5, 0.5], "metric 'loss' has 3 values for 2 seeds"),
    (endless(), "metric 'loss' has 3 or more values for 2 seeds"),
    (0.5, "metric 'loss': one number for each of the seeds [1, 12], got float 0.5"),
    (torch.tensor(0.5), "metric 'loss': one number for each of the seeds [1, 12], got Tensor"),
    (np.zeros((2, 1)), "metric 'loss': one number per seed (2), got ndarray of shape (2, 1)"),
    (torch.zeros(3), "metric 'loss': one number per seed (2), got Tensor of shape (3,)"),
    ([np.zeros(3), 0.5], "metric 'loss', seed 1: must be a number or None, got ndarray of shape (3,)"),
    ([0.5, "0.5"], "metric 'loss', seed 12: must be a number or None, got str '0.5'"),
    ("ab", "metric 'loss': one number for each of the seeds [1, 12], got str 'ab'"),
    (b"ab", "metric 'loss': one number for each of the seeds [1, 12], got bytes b'ab'"),
    ({0.5, 0.6}, "metric 'loss': one number for each of the seeds [1, 12], got set"),
    ([0.5, 1j], "metric 'loss', seed 12: must be a number or None, got complex 1j"),
    ([np.complex64(1), 0.5], "metric 'loss', seed 1: must be a number or None, got complex64"),
    ([0.5, [0.5]], "metric 'loss', seed 12: must be a number or None, got list [0.5]"),
    ([np.timedelta64(3, "ns"), 0.5], "metric 'loss', seed 1: must be a number or None, got timedelta64"),
    ([10**400, 0.5], "metric 'loss', seed 1: must be a number or None, got int "),
    ([Decimal("sNaN"), 0.5], "metric 'loss', seed 1: must be a number or None, got Decimal "),
    ([UnspeakableError(), 0.5], "metric 'loss', seed 1: must be a number or None, got UnspeakableError"),
    ({1: 0.5}, "metric 'loss': one number for each of the seeds [1, 12], got dict {1: 0.5}"),
    ({1: 0.5, 2: 0.5}, "metric 'loss': one number for each of the seeds [1, 12], got dict {1: 0.5, 2: 0.5}"),
    ({1: 0.5, 12: 0.5, 2: 0.5}, "metric 'loss': one number for each of the seeds [1, 12], got dict"),
    (torch.zeros(2, device="meta"), "metric 'loss': Tensor of shape (2,) cannot be read: "),
    (object, "metric 'loss': one number for each of the seeds [1, 12], got type"),
]


@pytest.mark.parametrize(("given", "message"), REFUSED, ids=[case[1][:60] for case in REFUSED])
def test_what_is_not_meant_is_refused(given: Any, message: str) -> None:
    """The message has the metric, the seed, the value and the rule."""
    with pytest.raises(TrainerMistake) as caught:
        metrics_of({"loss": given}, TWO)
    assert message in str(caught.value)


NAMES: list[tuple[Any, str]] = [
    *((name, f"metric '{name}': this name is one of the tuner's own") for name in ("trial", "seed", "epoch")),
    *((name, f"metric '{name}': this name is one of the tuner's own") for name in ("gpu_seconds", "evaluated")),
    ("epochs_redone", "metric 'epochs_redone': this name is one of the tuner's own"),
    (np.str_("trial"), "metric 'trial': this name is one of the tuner's own"),
    ("", "metric str '': a name has 1 to 200 visible characters"),
    (" loss", "metric str ' loss': a name has 1 to 200"),
    ("a\nb", r"metric str 'a\nb': a name has 1 to 200"),
    ("\x00", r"metric str '\x00': a name has 1 to 200"),
    ("\ud800", r"metric str '\ud800': a name has 1 to 200"),
    ("\x1b[31mred", r"metric str '\x1b[31mred': a name has 1 to 200"),
    ("x" * 201, "a name has 1 to 200"),
    (3, "metric int 3: the name of a metric must be a text"),
    (None, "metric NoneType None: the name of a metric must be a text"),
    (b"loss", "metric bytes b'loss': the name of a metric must be a text"),
]


@pytest.mark.parametrize(("name", "message"), NAMES, ids=[case[1][:60] for case in NAMES])
@pytest.mark.parametrize("take", [lambda given: metrics_of(given, TWO), baseline_of], ids=["metrics", "baseline"])
def test_a_name_that_cannot_be_a_column_is_refused(take: Callable[[Any], Any], name: Any, message: str) -> None:
    """Of a metric as of a baseline: the tuner's own, what cannot be seen, and what is no text."""
    with pytest.raises(TrainerMistake) as caught:
        take({name: None})
    assert message in str(caught.value)


def test_counts_of_epochs() -> None:
    """One whole number from 0 on for each seed; None is 0."""
    assert counts_of({12: 0, 1: np.int64(3)}, TWO) == [3, 0]
    assert counts_of(None, TWO) == [0, 0]
    for given, message in (
        ({1: 1, 12: 0.5}, "must be a whole number of epochs for each seed, 0 or more, got 0.5"),
        ({1: -1, 12: 0}, "must be a whole number of epochs for each seed, 0 or more, got -1.0"),
        ({1: nan, 12: 0}, "must be a whole number of epochs for each seed, 0 or more, got nan"),
        ({1: 1}, "count: one number for each of the seeds [1, 12], got dict {1: 1}"),
    ):
        with pytest.raises(TrainerMistake, match=re.escape(message)):
            counts_of(given, TWO)


def test_names_that_look_like_paths_and_words_are_good() -> None:
    """Whatever a figure or TensorBoard may be called by."""
    names = ["Val/loss", "acc@1", "validation loss", "größe", "損失", "seconds", "Trial"]
    assert list(metrics_of(dict.fromkeys(names), TWO)) == names


@pytest.mark.parametrize("given", [None, 0.5, "loss", [("loss", [1, 2])], {"loss"}], ids=repr)
def test_a_row_that_is_no_mapping_is_refused(given: Any) -> None:
    """Nothing can be called by a name in it."""
    with pytest.raises(TrainerMistake, match="must be a mapping from each metric's name to one number per seed, got "):
        metrics_of(given, TWO)


def test_no_row_makes_thousands_of_columns() -> None:
    """A name that counts something up is a value in the wrong place."""
    with pytest.raises(TrainerMistake, match="at most 1000 metrics, got 1001"):
        metrics_of({f"loss of neuron {number}": [0.5, 0.5] for number in range(1001)}, TWO)


def test_a_baseline_is_what_is_known_of_it() -> None:
    """One number by metric; what is unknown or not finite is no baseline at all."""
    given = {"a": np.float32(0.5), "b": torch.tensor(2), "c": None, "d": nan, "e": inf, "f": -inf}
    assert baseline_of(given) == {"a": 0.5, "b": 2.0}
    assert baseline_of(None) == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (1.0, "must be a mapping from each metric's name to one number, got float 1.0"),
        ({"loss": "1"}, "metric 'loss': must be a number or None, got str '1'"),
        ({"loss": [1.0, 1.0]}, "metric 'loss': must be a number or None, got list"),
        ({"loss": torch.ones(2)}, "metric 'loss': must be a number or None, got Tensor of shape (2,)"),
        ({"loss": {1: 1.0}}, "metric 'loss': must be a number or None, got dict"),
    ],
)
def test_a_baseline_that_is_none_is_refused(given: Any, message: str) -> None:
    """It is one number for all seeds."""
    with pytest.raises(TrainerMistake) as caught:
        baseline_of(given)
    assert message in str(caught.value)


def test_there_is_a_state_of_each_seed() -> None:
    """Seeds that train elsewhere are left out, so that no file of theirs is overwritten; a missing one is named."""
    assert states_of({np.int64(12): "b", 1: "a", 5: "c"}, TWO) == {1: "a", 12: "b"}
    for given, message in (
        ({1: "a"}, "no state of seed 12; one for each of [1, 12], got list [1]"),
        ({"1": "a", "12": "b"}, "no state of seed 1; one for each of [1, 12], got list ['1', '12']"),
        (["a", "b"], "must be a mapping from each seed to its state, got list ['a', 'b']"),
        (None, "must be a mapping from each seed to its state, got NoneType None"),
    ):
        with pytest.raises(TrainerMistake) as caught:
            states_of(given, TWO)
        assert message in str(caught.value)


@pytest.mark.parametrize("text", ["\ud800", "a\x00b", "\x1b]0;title\x07", "\u202egnp", "a\r\nb", "\u2028", "ä 損 –"])
def test_every_text_can_be_written_and_printed(text: str) -> None:
    """Characters that no file or terminal is to be given are escaped; others stay."""
    for said in (line_of(text), lines_of(text)):
        assert said.encode()
        assert all(one.isprintable() or one == "\n" for one in said)
    assert line_of("ä 損 –") == "ä 損 –"
    assert line_of("\x1b[0m\ud800") == r"\x1b[0m\ud800"


def test_long_texts_are_cut() -> None:
    """No message fills the database or the screen."""
    assert len(line_of("x" * 10**6)) < 1100
    said = lines_of("begin" + "x" * 10**6 + "end")
    assert len(said) < 250_000
    assert said.startswith("begin")
    assert said.endswith("end")


def test_what_has_no_words_is_told_as_that() -> None:
    """An exception that fails when it is printed hides no death."""
    assert text_of(UnspeakableError()) == "(RuntimeError while it was put into words)"
