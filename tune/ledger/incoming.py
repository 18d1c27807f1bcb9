"""What a trainer hands over is taken here: what is meant is converted, all else is refused before it is written.

Metrics of an epoch and of an evaluation, baselines, states and features by seed, rows of splits, and the texts of
exceptions.
"""

import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from collections.abc import Set as AbstractSet
from decimal import Decimal
from itertools import islice
from math import isfinite
from numbers import Real
from typing import Any, TypeVar

from tune.errors import TrainerMistake
from tune.ledger.curves.history import EVALUATED, GPU_SECONDS, REDONE
from tune.ledger.printable import printable, printable_line

T = TypeVar("T")

OWN_NAMES = ("trial", "seed", "epoch", GPU_SECONDS, EVALUATED, REDONE)
"""Columns of the curves that are the tuner's own; no metric may be called so."""

MOST_NAMES = 1000
"""Of metrics: each is a column of the curves. Names that count something up are values in the wrong place."""

_LONGEST_NAME, _LONGEST_LINE, _LONGEST_TEXT = 200, 1000, 200_000
ORDERLESS = (str, bytes, bytearray, memoryview, AbstractSet)


def metrics_of(given: object, seeds: Sequence[int]) -> dict[str, list[float | None]]:
    """Returns metrics by name, one number per seed; None where it is not known.

    The numbers of a metric may be a sequence in the order of the seeds, an array or tensor of one dimension, a mapping
    from each seed, one number alone where there is one seed, or None for all that is not known. A number may be one of
    Python's, NumPy's or PyTorch's; truth values count as 0 and 1, and what is not finite stays so.

    Args:
        given: What a trainer yields for an epoch, or returns from `evaluate`.
        seeds: Whose.

    Raises:
        TrainerMistake: If it is anything else; the message has metric, seed, value and rule.
    """
    if not isinstance(given, Mapping):
        raise TrainerMistake(f"must be a mapping from each metric's name to one number per seed, got {shown(given)}")
    if len(given) > MOST_NAMES:
        raise TrainerMistake(f"at most {MOST_NAMES} metrics, got {len(given)}")
    return {_name(name): _row(f"metric {name!r}", value, seeds) for name, value in given.items()}


def baseline_of(given: object) -> dict[str, float]:
    """Returns the constant model's losses by name; without those that are None or not finite: these are not known.

    Args:
        given: What `baseline` returns: a mapping, or None where there is nothing to compare with.

    Raises:
        TrainerMistake: If it is anything else.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TrainerMistake(f"must be a mapping from each metric's name to one number, got {shown(given)}")
    losses = {_name(name): _number(f"metric {name!r}", value) for name, value in given.items()}
    return {name: loss for name, loss in losses.items() if loss is not None and isfinite(loss)}


def states_of(given: object, seeds: Sequence[int]) -> dict[int, Any]:
    """Returns the state of each of the seeds, without those of others.

    Args:
        given: What `state` returns.
        seeds: Whose states there must be.

    Raises:
        TrainerMistake: If a seed has none.
    """
    if not isinstance(given, Mapping):
        raise TrainerMistake(f"must be a mapping from each seed to its state, got {shown(given)}")
    missing = [seed for seed in seeds if seed not in given]
    if missing:
        raise TrainerMistake(f"no state of seed {missing[0]}; one for each of {list(seeds)}, got {shown(list(given))}")
    return {seed: given[seed] for seed in seeds}


def counts_of(given: object, seeds: Sequence[int]) -> list[int]:
    """Returns how many epochs were trained again, one number per seed.

    Args:
        given: What `trained_again` returns: a mapping by seed, or what else a metric may be; None is 0.
        seeds: Whose.

    Raises:
        TrainerMistake: If a number is no whole one from 0 on.
    """
    found = [0.0 if count is None else count for count in _row("count", given, seeds)]
    if wrong := [count for count in found if not count.is_integer() or count < 0]:
        raise TrainerMistake(f"must be a whole number of epochs for each seed, 0 or more, got {wrong[0]!r}")
    return [int(count) for count in found]


def text_of(given: T, say: Callable[[T], str] = str) -> str:
    """Returns what an object says of itself, an exception for example; it may be in no state to say anything."""
    try:
        return say(given)
    except Exception as error:  # noqa: BLE001 - no message is to be lost over its words
        return f"({type(error).__name__} while it was put into words)"


def line_of(text: str) -> str:
    """Returns a text as one line that can be written anywhere, cut where it is very long."""
    line = printable_line(text)
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"


def lines_of(text: str) -> str:
    """Returns a text of several lines that can be written anywhere; the middle of a very long one is left out."""
    if len(text) > _LONGEST_TEXT:
        half = _LONGEST_TEXT // 2
        text = f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"
    return printable(text)


def shape_of(given: object) -> tuple[int, ...] | None:
    """Returns the shape of an array or tensor, of anybody's; None of anything else."""
    try:
        return tuple(given.shape)  # type: ignore[attr-defined] # if it has one
    except (AttributeError, TypeError):
        return None


def shown(given: object) -> str:
    """Returns type and value of anything for a message."""
    shape, kind = shape_of(given), type(given).__name__
    return f"{kind} of shape {shape}" if shape else line_of(f"{kind} {text_of(given, reprlib.repr)}")


def _name(given: object) -> str:
    """Returns the name of a metric."""
    if not isinstance(given, str):
        raise TrainerMistake(f"metric {shown(given)}: the name of a metric must be a text")
    name = str.__str__(given)
    if name in OWN_NAMES:
        own = ", ".join(OWN_NAMES)
        raise TrainerMistake(f"metric {name!r}: this name is one of the tuner's own ({own}); call it otherwise")
    if not name or name != name.strip() or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise TrainerMistake(
            f"metric {shown(given)}: a name has 1 to {_LONGEST_NAME} visible characters and no space at its ends"
        )
    return name


def _row(what: str, given: object, seeds: Sequence[int]) -> list[float | None]:
    """Returns the numbers of one metric in the order of the seeds."""
    if isinstance(given, Mapping):
        if len(given) != len(seeds) or any(seed not in given for seed in seeds):
            raise TrainerMistake(f"{what}: one number for each of the seeds {list(seeds)}, got {shown(dict(given))}")
        return [_number(f"{what}, seed {seed}", given[seed]) for seed in seeds]
    shape = shape_of(given)
    if shape not in (None, (), (len(seeds),)):
        raise TrainerMistake(f"{what}: one number per seed ({len(seeds)}), got {shown(given)}")
    plain = _plain(what, given)
    if plain is None:
        return [None] * len(seeds)
    if isinstance(plain, Iterable) and not isinstance(plain, ORDERLESS):
        values = list(islice(plain, len(seeds) + 1))
        if len(values) != len(seeds):
            count = len(plain) if isinstance(plain, Sized) else f"{len(values)} or more"
            raise TrainerMistake(f"{what} has {count} values for {len(seeds)} seeds; one per seed, in their order")
        return [_number(f"{what}, seed {seed}", value) for seed, value in zip(seeds, values, strict=True)]
    if len(seeds) > 1:
        raise TrainerMistake(f"{what}: one number for each of the seeds {list(seeds)}, got {shown(given)}")
    return [_number(f"{what}, seed {seeds[0]}", plain)]


def _number(what: str, given: object) -> float | None:
    if type(given) is float or given is None:
        return given
    plain = _plain(what, given) if shape_of(given) in (None, ()) else given
    if plain is None:
        return None
    if isinstance(plain, Real | Decimal):
        try:
            return float(plain)
        except (ValueError, OverflowError):
            pass  # an integer that no float holds
    raise TrainerMistake(f"{what}: must be a number or None, got {shown(given)}")


def _plain(what: str, given: object) -> object:
    """Returns an array, tensor, or number of one of the libraries as Python's own."""
    if type(given) in (float, int, list, tuple) or isinstance(given, ORDERLESS):
        return given
    if getattr(getattr(given, "dtype", None), "kind", "-") in "mM":
        # NumPy would make a number of a point or span of time, by a unit that nobody knows.
        raise TrainerMistake(f"{what}: must be a number or None, got {shown(given)}")
    try:
        if hasattr(given, "tolist"):
            return given.tolist()
        if hasattr(given, "__array__"):
            import numpy as np

            return np.asarray(given).tolist()
    except Exception as error:
        said = f"{type(error).__name__}: {text_of(error)}"
        raise TrainerMistake(f"{what}: {shown(given)} cannot be read: {said}") from error
    return given
