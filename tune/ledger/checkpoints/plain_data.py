"""States as plain data: what `torch.load(weights_only=True)` reads, and NumPy in a form that it reads.

Nothing that is loaded can run code. What stands for something else is a tuple that begins with a mark:

    (_MARK, "array", bytes of an .npy file as a tensor)    (_MARK, "scalar", the same)      NumPy
    (_MARK, "number", dtype, value)                                                          a NumPy number
    (_MARK, "int", hexadecimal text)    (_MARK, "bytes")    (_MARK, "frozenset", list)       what torch does not read
    (_MARK, "tuple", list)                                  a tuple that itself begins with the mark

So a state without any of these lies in its file as it is, as it did in earlier versions.
"""

import sys
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

from tune.errors import TrainerMistake

_MARK = "latent-tune"
_ALLOWED = (
    "numbers, text, bytes, None, lists, tuples, sets and dicts of such, NumPy arrays and numbers, and torch tensors"
)
_DEEPEST = 100
_MOST_BITS = 2032  # of an integer that torch reads
_NUMBERS = "biufc"
_ARRAYS = "biufcSUVmM"
_AS_THEY_ARE = (bool, float, complex, str, bytearray, type(None))


def stored(state: Any, path: str) -> Any:
    """Returns a state as it is written; nothing in it is changed.

    Args:
        state: What a trainer says it needs to continue.
        path: Of the state, for the message, such as `state[1]`.

    Raises:
        TrainerMistake: If something in it is no plain data; the message has its path and its type.
    """
    return _Writer().stored(state, path, 0)


class _Writer:
    """Goes through a state once; `_open` is what it is inside of."""

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._of_torch = _torch_types()

    def stored(self, one: Any, path: str, depth: int) -> Any:
        kind = type(one)
        if kind in _AS_THEY_ARE or kind in self._of_torch:
            return one
        if kind is int:
            return one if one.bit_length() <= _MOST_BITS else (_MARK, "int", hex(one))
        if kind is bytes:
            return one or (_MARK, "bytes")
        if kind in (list, tuple, set, frozenset, dict, OrderedDict, Counter):
            if id(one) in self._open or depth > _DEEPEST:
                raise TrainerMistake(f"{path}: holds itself, or is nested more than {_DEEPEST} deep")
            self._open.add(id(one))
            try:
                return self._container(one, path, depth + 1)
            finally:
                self._open.discard(id(one))
        found = _stored_numpy(one)
        if found is None:
            raise TrainerMistake(f"{path}: {_named(one)} cannot be kept; a state may hold {_ALLOWED}")
        return found

    def _container(self, one: Any, path: str, depth: int) -> Any:
        if isinstance(one, dict):
            keys = [self.stored(key, f"{path}, key {_shown(key)}", depth) for key in one]
            values = [self.stored(value, f"{path}[{_shown(key)}]", depth) for key, value in one.items()]
            same = all(a is b for a, b in zip(keys, one, strict=True))
            same = same and all(a is b for a, b in zip(values, one.values(), strict=True))
            return one if same else _filled(one, zip(keys, values, strict=True))
        parts = [self.stored(part, f"{path}[{place}]", depth) for place, part in enumerate(one)]
        if isinstance(one, frozenset):
            return (_MARK, "frozenset", parts)
        if isinstance(one, tuple) and parts and isinstance(parts[0], str) and parts[0] == _MARK:
            return (_MARK, "tuple", parts)
        return one if all(a is b for a, b in zip(parts, one, strict=True)) else type(one)(parts)


def restored(kept: Any) -> Any:
    """Returns the state that was written so.

    Raises:
        ValueError: If a mark stands before something else.
    """
    if isinstance(kept, dict):
        keys, values = [restored(key) for key in kept], [restored(value) for value in kept.values()]
        same = all(a is b for a, b in zip([*keys, *values], [*kept, *kept.values()], strict=True))
        return kept if same else _filled(kept, zip(keys, values, strict=True))
    if type(kept) is tuple and len(kept) > 1 and isinstance(kept[0], str) and kept[0] == _MARK:
        return _restored_one(*kept[1:])
    if type(kept) in (list, tuple, set):
        parts = [restored(part) for part in kept]
        return kept if all(a is b for a, b in zip(parts, kept, strict=True)) else type(kept)(parts)
    return kept


def _restored_one(what: str, *content: Any) -> Any:
    makers: Mapping[str, Callable[..., Any]] = {
        "array": _array,
        "scalar": lambda packed: _array(packed)[()],
        "number": _number,
        "int": lambda text: int(text, 16),
        "bytes": lambda: b"",
        "frozenset": lambda parts: frozenset(map(restored, parts)),
        "tuple": lambda parts: tuple(map(restored, parts)),
    }
    if what not in makers:
        raise ValueError(f"{what!r:.40} is of a later version")
    return makers[what](*content)


def _stored_numpy(one: Any) -> Any:
    """Returns an array or number of NumPy's as it is written; None where it is something else, or holds objects."""
    if "numpy" not in sys.modules:
        return None
    import numpy as np

    if not (type(one) is np.ndarray or isinstance(one, np.generic)):
        return None
    kind, dtype = one.dtype.kind, one.dtype
    if isinstance(one, np.generic) and kind in _NUMBERS and type(one.item()) in (bool, int, float, complex):
        return (_MARK, "number", dtype.str, one.item())
    if kind not in _ARRAYS or dtype.hasobject:
        return None
    if np.lib.format.descr_to_dtype(np.lib.format.dtype_to_descr(dtype)) != dtype:  # another library's: bfloat16
        return None
    import torch

    packed = BytesIO()
    np.save(packed, one, allow_pickle=False)
    what = "array" if type(one) is np.ndarray else "scalar"
    return (_MARK, what, torch.frombuffer(packed.getbuffer(), dtype=torch.uint8))


def _array(packed: Any) -> Any:
    import numpy as np

    return np.load(BytesIO(packed.numpy().tobytes()), allow_pickle=False)


def _number(dtype: str, value: Any) -> Any:
    import numpy as np

    kind = np.dtype(dtype)
    if kind.kind not in _NUMBERS:
        raise ValueError(f"{dtype!r:.40} is no type of number")
    return kind.type(value)


def _filled(one: dict[Any, Any], items: Any) -> dict[Any, Any]:
    """Returns a mapping of the same type, with other content, and what else is kept with it (torch keeps versions)."""
    new = type(one)(dict(items))
    if hasattr(one, "__dict__"):
        vars(new).update(vars(one))
    return new


def _torch_types() -> tuple[type, ...]:
    torch = sys.modules.get("torch")
    if torch is None:
        return ()
    return (torch.Tensor, torch.nn.Parameter, torch.Size, torch.dtype, torch.device)


def _named(one: Any) -> str:
    kind = type(one)
    of = getattr(one, "dtype", None)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return name if of is None else f"{name} of {of}"


def _shown(key: Any) -> str:
    return f"{key!r:.60}" if isinstance(key, str | int | float | tuple) else type(key).__name__
