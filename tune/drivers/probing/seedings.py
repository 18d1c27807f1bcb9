"""Notes what the user's code seeds, and what it makes without a seed, while it trains.

Whatever is watched is put in the place of the original where users' code looks it up (`numpy.random.default_rng`), does
what the original does, and is an original to `isinstance`. PyTorch is not loaded for it, and watched as soon as it is.
"""

import random
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import wraps
from operator import index
from types import ModuleType
from typing import Any

import numpy as np

from tune.adapters.random_states import after_import_of_torch
from tune.drivers.probing.callers import Caller, caller
from tune.scoring.check.measured import Seeding

_MOST_AT_A_PLACE = 32
"""Notes of one line: what a loop seeds batch by batch is known by its first ones."""

_WORD = 2**64
_BIT_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")


def watch_seedings() -> AbstractContextManager[list[Seeding]]:
    """Has every random generator noted that the user's code seeds or makes, from now on until it is left.

    The user's code is what is neither this package, nor the standard library, nor in site-packages. What these seed on
    its behalf (`sklearn`'s `random_state`, `lightning.seed_everything`) is noted too, under the name of the function
    that was called; not what they do while they are imported, nor what the standard library makes for itself.
    `numpy.random.default_rng`, say, has to be looked up meanwhile: modules that hold it from before are not noticed.

    Returns:
        What gives the list, in which notes appear as they come; of one line at most 32.
    """
    return _watched()


@contextmanager
def _watched() -> Iterator[list[Seeding]]:
    notes = _Notes()
    with ExitStack() as patches:
        _watch_python(notes, patches)
        _watch_numpy(notes, patches)
        patches.enter_context(after_import_of_torch(lambda: _watch_torch(notes, patches)))
        patches.callback(notes.end)
        yield notes.seedings


class _Notes:
    """The list, and who may write to it."""

    def __init__(self) -> None:
        self.seedings: list[Seeding] = []
        self._counts: dict[tuple[str, str], int] = {}
        self._within = threading.local()
        self._ended = False

    def end(self) -> None:
        """Takes no more: modules may hold what was watched for longer."""
        self._ended = True

    def take(self, call: str, value: int | None, who: Caller | None) -> Seeding | None:
        """Notes one; nothing where nobody is to be told, or it is what was just noted.

        Args:
            call: What was called, where the user's code called it itself.
            value: What it was given.
            who: Called it.

        Returns:
            The note, by which it can be taken back.
        """
        if self._ended or who is None:
            return None
        note = Seeding(who.through or call, value, who.where)
        if self.seedings[-1:] == [note]:  # one call of a library seeds several generators
            return None
        place = (note.call, note.where)
        self._counts[place] = self._counts.get(place, 0) + 1
        if self._counts[place] > _MOST_AT_A_PLACE:
            return None
        self.seedings.append(note)
        return note

    def take_back(self, note: Seeding | None) -> None:
        """Removes a note of a generator that has been given a seed since."""
        self.seedings[:] = [one for one in self.seedings if one is not note]

    @contextmanager
    def inside(self) -> Iterator[bool]:
        """Says whether this is the outermost watched call: what it calls in its turn is its own affair."""
        outermost = not getattr(self._within, "busy", False)
        self._within.busy = True
        try:
            yield outermost
        finally:
            if outermost:
                self._within.busy = False

    def around(self, call: str, original: Callable[..., Any], *, first: int = 0) -> Callable[..., Any]:
        """Returns a function that does what the original does, and notes what it was given.

        Args:
            call: Its name.
            original: A function that is given a seed.
            first: Its first argument that says something: 1 of a method.
        """

        @wraps(original)
        def watched(*args: Any, **named: Any) -> Any:
            with self.inside() as outermost:
                if outermost:
                    given = *args[first:], *(value for name, value in named.items() if name != "version")
                    if not any(map(_is_generator, given)):
                        self.take(call, _number(*given), caller())
                return original(*args, **named)

        return watched


def _number(first: Any = None, *others: Any) -> int | None:
    """Returns a seed as a number: itself, or a negative one that tells what else was given from other things."""
    if first is None:
        return None
    try:
        return _digest([first, *others]) if others else index(first) % _WORD
    except TypeError:
        return _digest(first)


def _digest(given: Any) -> int:
    plain = given.tolist() if isinstance(given, np.ndarray) else given
    return -1 - zlib.crc32(repr(plain).encode())


def _is_generator(given: Any) -> bool:
    """Says whether what should seed something was made, and noted, before; one made from nothing draws its own."""
    return isinstance(given, np.random.SeedSequence | np.random.BitGenerator | np.random.Generator | _RandomState)


_RandomState = np.random.RandomState
"""The original."""


def _watch_python(notes: _Notes, patches: ExitStack) -> None:
    # Every generator is seeded by its method, also while it is constructed.
    _put(patches, random.Random, "seed", notes.around("random.Random", random.Random.seed, first=1))
    _put(patches, random, "seed", notes.around("random.seed", random.seed))


def _watch_numpy(notes: _Notes, patches: ExitStack) -> None:
    for name in ("seed", "default_rng"):
        _put(patches, np.random, name, notes.around(f"numpy.random.{name}", getattr(np.random, name)))
    for name in ("RandomState", "SeedSequence", *_BIT_GENERATORS):
        original = getattr(np.random, name)
        make = notes.around(f"numpy.random.{name}", original)
        _put(patches, np.random, name, _stand_in(original, make, "numpy.random"))


def _watch_torch(notes: _Notes, patches: ExitStack) -> None:
    torch = sys.modules["torch"]
    for module in ("torch", "torch.random"):
        for name in ("manual_seed", "seed"):
            _put_function(notes, patches, module, name, f"torch.{name}")
    for module in ("torch.cuda", "torch.cuda.random"):
        for name in ("manual_seed", "manual_seed_all", "seed", "seed_all"):
            _put_function(notes, patches, module, name, f"torch.cuda.{name}")
    noting = _noting_generator(notes, torch.Generator)
    _put(patches, torch, "Generator", _stand_in(torch.Generator, noting, "torch"))


def _put_function(notes: _Notes, patches: ExitStack, module: str, name: str, call: str) -> None:
    place = sys.modules[module]
    _put(patches, place, name, notes.around(call, getattr(place, name)))


def _noting_generator(notes: _Notes, original: type) -> type:
    """Returns a class of PyTorch's generators whose methods note what they are given.

    One that nobody seeds draws the same numbers in every process: that is noted until it is given a seed.
    """

    class Generator(original):  # type: ignore[misc] # known when PyTorch is loaded
        def __init__(self, *_: Any, **__: Any) -> None:  # of the device, which PyTorch takes before
            super().__init__()
            who = caller()
            samples = who is not None and who.innermost == "torch.utils.data.sampler"
            self._note = None if samples else notes.take("torch.Generator", self.initial_seed(), who)

        def manual_seed(self, seed: int) -> Any:
            self._given("torch.Generator.manual_seed", _number(seed), caller())
            return super().manual_seed(seed)

        def seed(self) -> int:
            self._given("torch.Generator.seed", None, caller())
            return int(super().seed())

        def set_state(self, state: Any) -> Any:
            notes.take_back(self._note)
            return super().set_state(state)

        def _given(self, call: str, value: int | None, who: Caller | None) -> None:
            notes.take_back(self._note)
            # A sampler without a generator of its own draws its seed from the global one, which was noted.
            if who is None or who.innermost != "torch.utils.data.sampler":
                notes.take(call, value, who)

    return Generator


def _stand_in(original: type, make: Callable[..., Any], place: str) -> type:
    """Returns a class that is the original to `isinstance` and to those who derive from it, and is made otherwise.

    Args:
        original: The class.
        make: Makes an instance.
        place: The module in which it is put, by which it is pickled.
    """
    kind: Any = type(original)

    class StandIn(kind):  # type: ignore[misc] # PyTorch's classes have a metaclass of their own
        def __call__(self, *args: Any, **named: Any) -> Any:
            return make(*args, **named) if self is stand_in else super().__call__(*args, **named)

        def __instancecheck__(self, instance: Any) -> bool:
            return isinstance(instance, original) if self is stand_in else super().__instancecheck__(instance)

        def __subclasscheck__(self, subclass: type) -> bool:
            return issubclass(subclass, original) if self is stand_in else super().__subclasscheck__(subclass)

        def __eq__(self, other: object) -> bool:
            return self is other or (self is stand_in and other is original)

        def __hash__(self) -> int:
            return hash(original) if self is stand_in else super().__hash__()

    said = {"__module__": place, "__qualname__": original.__qualname__, "__doc__": original.__doc__}
    stand_in: type = StandIn(original.__name__, (original,), said)
    return stand_in


def _put(patches: ExitStack, place: ModuleType | type, name: str, instead: Any) -> None:
    """Puts something in the place of another until the patches end."""
    patches.callback(setattr, place, name, getattr(place, name))
    setattr(place, name, instead)
