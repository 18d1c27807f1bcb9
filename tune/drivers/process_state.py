"""What belongs to a whole process while a trainer is one of its users: the working directory, and the threads."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class TrainersDirectory:
    """Lets a trainer change the working directory, and none but the trainer be in it."""

    def __init__(self) -> None:
        self._gone_to: str | None = None

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Is where the trainer has gone, and afterwards where it was before."""
        before = _directory()
        if self._gone_to is not None:
            with suppress(OSError):  # it has removed it
                os.chdir(self._gone_to)
        try:
            yield
        finally:
            now = _directory()
            if now != before and before is not None:
                self._gone_to = now
                os.chdir(before)


def _directory() -> str | None:
    """Returns the working directory; None where it was removed."""
    try:
        return os.getcwd()  # noqa: PTH109 - a text, whatever it is
    except OSError:
        return None


def limit_threads(threads: int) -> None:
    """Has PyTorch use so many threads in this process; not loaded yet, it finds out when it is, if ever."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(threads)
