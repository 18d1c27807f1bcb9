"""States that a trainer may have: saved and loaded the same, or refused when they are first saved."""

import random
from collections import Counter, OrderedDict, UserDict, defaultdict, namedtuple
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tune.errors import TrainerMistake
from tune.ledger.checkpoints.plain_data import restored, stored
from tune.ledger.checkpoints.store import CheckpointStore
from tune.ledger.storage.folders import LocalFolder

ONES = torch.ones(2)
Point = namedtuple("Point", "x y")  # noqa: PYI024 - as people write it


class Level(IntEnum):
    LOW = 1


def same(one: Any, other: Any) -> bool:
    """Says whether two states are of the same types and values, all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray | np.generic):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other) and one.requires_grad == other.requires_grad
    if isinstance(one, dict):
        pairs = zip(one.items(), other.items(), strict=True)
        return len(one) == len(other) and all(same(a, b) for pair in pairs for a, b in zip(*pair, strict=True))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return repr(one) == repr(other) if isinstance(one, float) else bool(one == other)


def saved_and_loaded(folder: Path, state: Any) -> Any:
    store = CheckpointStore(LocalFolder(folder))
    store.save(0, 1, {7: state})
    return store.load(0, 1, [7])[7]


def optimizer_and_model() -> dict[str, Any]:
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(4, 2)).sum().backward()
    optimizer.step()
    return {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "best": np.float32(0.5)}


GOOD: dict[str, Any] = {
    "numbers": [0, -(2**70), 2**5000, True, 1.5, float("nan"), float("inf"), 1j, None],
    "texts": ["", "ä", "\x00", "\ud800", b"", b"a\xff", bytearray(b"x")],
    "containers": {"a": [(), (1,), (1, (2, [3]))], (1, "b"): {1, 2}, None: frozenset({1, "x"}), 1.5: {}, True: []},
    "ordered": OrderedDict(b=1, a=Counter("aab")),
    "arrays": [np.arange(6.0).reshape(2, 3), np.asfortranarray(np.eye(3)), np.zeros((0, 4)), np.array(3, dtype=">i2")],
    "kinds": [np.array(["a", "bc"]), np.array([b"x"]), np.array([True]), np.array(["2020-01-01"], "datetime64[ns]")],
    "structured": np.zeros(2, dtype=[("a", "<f4"), ("b", "i8", (2,))]),
    "numpy numbers": [
        np.float32(0.1),
        np.int64(3),
        np.bool_(True),
        np.complex64(1j),
        np.float16(1),
        np.uint64(2**64 - 1),
    ],
    "odd numpy numbers": [np.longdouble(1) / 3, np.str_("a"), np.bytes_(b"b"), np.datetime64("2020-01-01")],
    "numpy keys": {np.int64(3): "a", (np.str_("k"), 1): "b"},
    "generator": np.random.default_rng(3).bit_generator.state,
    "legacy generator": np.random.RandomState(3).get_state(),
    "python's generator": random.Random(3).getstate(),  # noqa: S311
    "tensors": [
        torch.ones(2, requires_grad=True),
        torch.tensor(1, dtype=torch.int8),
        torch.nn.Parameter(torch.ones(2)),
    ],
    "torch": [torch.Size([2, 3]), torch.float32, torch.device("cpu"), torch.get_rng_state()],
    "marks": [
        ("latent-tune",),
        ("latent-tune", "array", 3),
        ("latent-tune", "tuple", [np.float32(1)]),
        ["latent-tune"],
    ],
    "a model": optimizer_and_model(),
}


@pytest.mark.parametrize("state", GOOD.values(), ids=list(GOOD))
def test_a_state_comes_back_the_same(tmp_path: Path, state: Any) -> None:
    """Of the same types, to the last bit, in the same order; and what was handed over is left as it was."""
    assert same(saved_and_loaded(tmp_path, state), state)
    assert same(saved_and_loaded(tmp_path, {"a": (state, np.float64(1))}), {"a": (state, np.float64(1))})


def test_what_torch_keeps_with_a_model_stays(tmp_path: Path) -> None:
    """The versions of its layers are not in its items."""
    state = optimizer_and_model()["model"]
    state["extra"] = np.ones(1)
    assert saved_and_loaded(tmp_path, state)._metadata == state._metadata


def test_a_state_without_numpy_is_written_as_ever() -> None:
    """So that an earlier version can read it, and nothing is copied."""
    state = {"weights": torch.ones(3), "epoch": 3, "names": ("a", "b")}
    assert stored(state, "state") is state
    assert restored(state) is state


itself: list[Any] = []
itself.append(itself)
deep: list[Any] = []
for _ in range(5000):
    deep = [deep]

BAD: list[tuple[Any, str]] = [
    ({"rng": Path("x")}, r"state\[7\]\['rng'\]: .*PosixPath cannot be kept; a state may hold numbers, text"),
    ([(1, {"f": print})], r"state\[7\]\[0\]\[1\]\['f'\]: builtin_function_or_method cannot be kept"),
    ({Path("x"): 1}, r"state\[7\], key PosixPath: .*PosixPath cannot be kept"),
    ({"a": np.array([{}])}, r"state\[7\]\['a'\]: numpy.ndarray of object cannot be kept"),
    ({"a": np.array([(1, None)], dtype=[("x", int), ("y", object)])}, r"state\[7\]\['a'\]: numpy.ndarray of \["),
    (np.ma.masked_array([1.0]), r"state\[7\]: numpy.*MaskedArray of float64 cannot be kept"),
    (np.random.default_rng(), r"state\[7\]: numpy.random.*Generator cannot be kept"),
    (torch.nn.Linear(1, 1), r"state\[7\]: torch.nn.*Linear cannot be kept"),
    (torch.Generator(), r"state\[7\]: torch.*Generator cannot be kept"),
    (Point(1, 2), r"state\[7\]: .*Point cannot be kept"),
    (Level.LOW, r"state\[7\]: .*Level cannot be kept"),
    (defaultdict(int), r"state\[7\]: collections.defaultdict cannot be kept"),
    (UserDict(), r"state\[7\]: collections.UserDict cannot be kept"),
    (range(3), r"state\[7\]: range cannot be kept"),
    (itself, r"state\[7\]\[0\]: holds itself, or is nested more than 100 deep"),
    (deep, "holds itself, or is nested more than 100 deep"),
]


@pytest.mark.parametrize(("state", "message"), BAD, ids=[case[1][:60] for case in BAD])
def test_what_cannot_be_loaded_is_never_written(tmp_path: Path, state: Any, message: str) -> None:
    """It is refused with its path in the state and its type, and no file is left, of another seed either."""
    store = CheckpointStore(LocalFolder(tmp_path))
    with pytest.raises(TrainerMistake, match=message):
        store.save(0, 1, {1: {"fine": 1}, 7: state})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "kept",
    [
        ("latent-tune", "later", 1),
        ("latent-tune", "number", "O", 1),
        ("latent-tune", "array", "no tensor"),
        ("latent-tune", "array", torch.frombuffer(bytearray(b"\x93NUMPY nonsense"), dtype=torch.uint8)),
    ],
)
def test_a_mark_before_something_else_is_no_state(kept: Any) -> None:
    """A file that was made up is refused, whatever it claims to hold."""
    with pytest.raises((ValueError, AttributeError)):
        restored(kept)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5)
NUMPY = st.sampled_from([np.float32(0.1), np.arange(3), np.int8(1), np.array(2.5), np.str_("x")])
STATES = st.recursive(
    LEAVES | NUMPY | st.just("latent-tune"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers() | st.tuples(st.integers()), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(STATES)
def test_whatever_is_nested_comes_back(state: Any) -> None:
    """No nesting of what is allowed is changed or refused."""
    assert same(restored(stored(state, "state")), state)
