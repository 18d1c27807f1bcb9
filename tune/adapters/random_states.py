"""The global random states of a process, a set for each seed: Python's, NumPy's, PyTorch's of CPU and GPUs.

Code that draws from them finds them as if its seed were alone in the process, whatever else trains beside it.
"""

import importlib.util
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import numpy as np

_WORD = 2**32
_ALWAYS = ("python", "numpy")
"""Those that are there whatever is loaded."""


class RandomStates:
    """Holds the global random states of one seed while they are not in use.

    PyTorch is not loaded for them. Where the seed's code loads it, it is seeded right then.

    Args:
        seed: From 0 to 2^63 - 1; with it all begin, as `random.seed`, `numpy.random.seed` and `torch.manual_seed` do.
        kept: What `state` returned, to go on from there; None to begin.
    """

    def __init__(self, seed: int, kept: Mapping[str, Any] | None = None) -> None:
        self._seed = seed
        self._kept = dict(kept) if kept is not None else self._begun()

    def state(self) -> dict[str, Any]:
        """Returns the states as plain data, and tensors where PyTorch is loaded."""
        return dict(self._kept)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Has the global generators be those of this seed; leaves those of before as they were."""
        before = _present()
        _restore({name: self._kept[name] for name in _ALWAYS})
        with after_import_of_torch(self._give_to_torch):
            try:
                yield
            finally:
                self._kept.update(_present())
                _restore(before)

    def _begun(self) -> dict[str, Any]:
        before = _present()
        random.seed(self._seed)
        # As people seed it, where it takes the seed; it takes larger ones as words of 32 bits.
        np.random.seed(self._seed if self._seed < _WORD else [self._seed % _WORD, self._seed // _WORD])  # noqa: NPY002
        begun = {name: state for name, state in _present().items() if name in _ALWAYS}
        _restore(before)
        return begun

    def _give_to_torch(self) -> None:
        import torch

        if "torch" in self._kept:
            torch.set_rng_state(self._kept["torch"])
        else:
            torch.manual_seed(self._seed)
        if "cuda" in self._kept:
            _restore_cuda(self._kept["cuda"])
        else:  # also where another seed has begun to use GPUs meanwhile; where none has, it is done when one does
            torch.cuda.manual_seed_all(self._seed)


def _present() -> dict[str, Any]:
    """Returns the states as they are; those of GPUs where they are in use, none of what is not loaded."""
    numpy: dict[str, Any] = dict(np.random.get_state(legacy=False))  # noqa: NPY002 - the one that users' code draws from
    numpy["state"] = {**numpy["state"], "key": numpy["state"]["key"].tolist()}
    found: dict[str, Any] = {"python": random.getstate(), "numpy": numpy}
    if (torch := sys.modules.get("torch")) is not None:
        found["torch"] = torch.get_rng_state()
        if torch.cuda.is_initialized():
            found["cuda"] = torch.cuda.get_rng_state_all()
    return found


def _restore(states: Mapping[str, Any]) -> None:
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])  # noqa: NPY002
    if "torch" in states and (torch := sys.modules.get("torch")) is not None:
        torch.set_rng_state(states["torch"])
        if "cuda" in states:
            _restore_cuda(states["cuda"])


def _restore_cuda(states: Sequence[Any]) -> None:
    """Gives each GPU its state; on a machine with fewer, those that there are."""
    import torch

    for device, state in zip(range(torch.cuda.device_count()), states, strict=False):
        torch.cuda.set_rng_state(state, device)


@contextmanager
def after_import_of_torch(give: Callable[[], None]) -> Iterator[None]:
    """Has something done now where PyTorch is loaded, else as soon as it has been."""
    if "torch" in sys.modules:
        give()
        yield
        return
    finder = _TorchFinder(give)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        finder.end()


class _TorchFinder:
    """Finds PyTorch where it is found without this, and has something done when it has been loaded."""

    def __init__(self, then: Callable[[], None]) -> None:
        self._then = then

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """Answers for `torch` alone, and once."""
        if name != "torch":
            return None
        self.end()
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def load_and_then(module: ModuleType) -> None:
            load(module)
            self._then()

        spec.loader.exec_module = load_and_then  # type: ignore[method-assign] # the loader is this module's alone
        return spec

    def end(self) -> None:
        """Asks to be asked no more."""
        with suppress(ValueError):
            sys.meta_path.remove(self)
