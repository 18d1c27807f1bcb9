"""What a trainer hands over as arrays, features and the rows of splits, checked where it comes in."""

from collections.abc import Iterable, Mapping, Sequence, Sized
from itertools import islice
from typing import TYPE_CHECKING, Any

from tune.errors import TrainerMistake
from tune.ledger.incoming import ORDERLESS, shape_of, shown, text_of

if TYPE_CHECKING:
    import numpy as np


def features_of(given: object, seeds: Sequence[int]) -> "dict[int, np.ndarray]":
    """Returns the features of each of the seeds, `[samples, dimensions]`; none where there is None.

    They may be a sequence in the order of the seeds, an array or tensor `[seeds, samples, dimensions]`, a mapping from
    each seed, or one matrix alone where there is one seed.

    Args:
        given: What `features` returns.
        seeds: Whose.

    Raises:
        TrainerMistake: If it is anything else; the message has seed, value and rule.
    """
    if given is None:
        return {}
    if len(seeds) == 1 and len(shape_of(given) or ()) == 2:
        given = [given]
    if isinstance(given, Mapping):
        if len(given) != len(seeds) or any(seed not in given for seed in seeds):
            raise TrainerMistake(f"one matrix for each of the seeds {list(seeds)}, got those of {shown(list(given))}")
        return {seed: matrix_of(given[seed], f"features of seed {seed}") for seed in seeds}
    if not isinstance(given, Iterable) or isinstance(given, ORDERLESS) or shape_of(given) == ():
        raise TrainerMistake(f"must be one matrix [samples, dimensions] per seed, got {shown(given)}")
    values = list(islice(given, len(seeds) + 1))
    if len(values) != len(seeds):
        count = len(given) if isinstance(given, Sized) else f"{len(values)} or more"
        raise TrainerMistake(f"{count} matrices for {len(seeds)} seeds; one per seed, in their order")
    pairs = zip(seeds, values, strict=True)
    return {seed: matrix_of(value, f"features of seed {seed}") for seed, value in pairs}


def matrix_of(given: object, what: str = "features") -> "np.ndarray":
    """Returns real numbers `[samples, dimensions]`, at least one of each, as an array; nothing is copied if it is one.

    Args:
        given: An array, tensor or nested list; of NumPy's types, or bfloat16, which is read as float32.
        what: It is called in messages.

    Raises:
        TrainerMistake: If it is anything else.
    """
    array = _array(what, given)
    if array.ndim != 2 or not array.size:
        raise TrainerMistake(
            f"{what}: must be a matrix [samples, dimensions] with at least one of each, got {shown(given)}; flatten "
            "what a sample has more dimensions of"
        )
    return array


def splits_of(given: object) -> "dict[str, np.ndarray]":
    """Returns the rows of each split, `[rows, ...]`, by name.

    Args:
        given: What `splits` returns.

    Raises:
        TrainerMistake: If it is no mapping from names to arrays of real numbers with rows.
    """
    if not isinstance(given, Mapping):
        raise TrainerMistake(f"must be a mapping from the name of each split to its rows, got {shown(given)}")
    found = {}
    for name, rows in given.items():
        if not isinstance(name, str):
            raise TrainerMistake(f"split {shown(name)}: the name of a split must be a text")
        found[name] = array = _array(f"split {name!r}", rows)
        if not array.ndim:
            raise TrainerMistake(f"split {name!r}: must have rows, got {shown(rows)}")
    return found


def _array(what: str, given: Any) -> "np.ndarray":
    """Returns real numbers as an array of NumPy's."""
    import numpy as np

    read = given
    try:
        if hasattr(read, "detach"):  # a tensor, on a GPU perhaps, with a gradient perhaps
            read = read.detach().cpu()
            read = read.float() if str(read.dtype) == "torch.bfloat16" else read
        if isinstance(read, np.ma.MaskedArray):
            read = np.ma.filled(read.astype(float), np.nan)
        array = np.asarray(read)
        if array.dtype.name == "bfloat16":  # of JAX and TensorFlow
            array = array.astype(np.float32)
    except Exception as error:
        said = f"{type(error).__name__}: {text_of(error)}"
        raise TrainerMistake(f"{what}: {shown(given)} cannot be read: {said}") from error
    if array.dtype.kind not in "biuf":
        raise TrainerMistake(f"{what}: must be real numbers, got {shown(given)}, dtype {array.dtype}")
    return array
