"""One seed of a function's training: its call, its rows by epoch, its checkpoint folder, its random states."""

import reprlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import copy_context
from copy import deepcopy
from operator import index
from pathlib import Path
from typing import Any

from tune.adapters.checkpoint_folder import CheckpointFolder
from tune.adapters.random_states import RandomStates
from tune.adapters.torch_modes import TorchModes
from tune.adapters.train_function import TrainFunction
from tune.errors import TrainerMistake

_ENDED = object()


class SeedRun:
    """Trains one seed by a function, an epoch at a time.

    Which epoch a row is of: the one that it names itself, under `epoch`; where it names none, rows follow the epoch of
    the files that the function was given. That epoch is known of files that were written after the last row, and of
    those that were written before each row since the function was called, none but the same. All others are forgotten:
    the function trains again from those that it was given, and rows that are known already are not told again.

    Args:
        trained: The function.
        config: What it is given; a copy.
        seed: Which repeat.
        folder: Its checkpoint folder, to be made; None where the function takes none.
        kept: What `state` returned; None to begin.
    """

    def __init__(
        self,
        trained: TrainFunction,
        config: Mapping[str, Any],
        seed: int,
        folder: Path | None,
        kept: Mapping[str, Any] | None = None,
    ) -> None:
        self._trained, self._config, self._seed = trained, config, seed
        self._folder = CheckpointFolder(folder, self._whose) if folder is not None else None
        self._random = RandomStates(seed, kept["random"] if kept else None)
        self._modes, self._context = TorchModes(), copy_context()
        begun = {"epoch": 0, "saved": 0, "numbered": False, "files": {}, "random": self._random.state()}
        self._given = dict(kept or begun)
        self.epoch = int(self._given["epoch"])
        self._again = 0
        self._rows: Iterator[Any] = iter(())
        self._numbered: bool | None = None
        self._asked = 0
        self._first_written: frozenset[str] | None = None
        self._forget_writing()

    def train(self, epochs: int) -> Iterator[Mapping[str, Any]]:
        """Yields the row of each epoch that is not known yet; before the last one the function has ended.

        Args:
            epochs: How many there are to be in all.

        Raises:
            TrainerMistake: If the function yields other rows than those.
        """
        self._begin(epochs)
        self._rows = self._step(self._called)
        epoch = int(self._given["saved"])
        while epoch < epochs:
            row = self._step(lambda: next(self._rows, _ENDED))
            if row is _ENDED:
                raise self._mistake(f"ended at epoch {epoch} where it was asked for {epochs}; {self._rule}")
            epoch, row = self._numbered_row(row, epoch)
            self._note_writing()
            if epoch > epochs:
                raise self._mistake(f"yielded a row of epoch {epoch}, asked for {epochs}; {self._rule}")
            if epoch == epochs:
                self._end()
            if epoch > self.epoch:
                self.epoch = epoch
                yield row
            else:
                self._again += 1

    def trained_again(self) -> int:
        """Returns how many epochs that were known the function trained again since this was last asked."""
        counted, self._again = self._again, 0
        return counted

    def state(self) -> dict[str, Any]:
        """Returns what is needed to go on: files, the epoch that they are of, and random states.

        Raises:
            TrainerMistake: If the checkpoint folder holds something else than files.
        """
        numbered = self._given["numbered"] if self._numbered is None else self._numbered
        known = {"epoch": self.epoch, "numbered": numbered}
        if not self._written or self._folder is None or not (self._numbered or self._is_current):
            return {**self._given, **known}
        saved = self.epoch if self._is_current else 0
        return {**known, "saved": saved, "files": self._folder.files(), "random": self._random_when_written}

    def close(self) -> None:
        """Ends the function where it is."""
        rows, self._rows = self._rows, iter(())
        if hasattr(rows, "close"):
            self._step(rows.close)

    def _begin(self, epochs: int) -> None:
        self.close()
        self._given = self.state()
        self._random = RandomStates(self._seed, self._given["random"])
        self._asked, self._numbered = epochs, None
        self._forget_writing()
        if self._folder is not None:
            self._folder.fill(self._given["files"])

    def _called(self) -> Iterator[Any]:
        """Calls the function; a plain one trains here."""
        given = {"config": deepcopy(dict(self._config)), "seed": self._seed, "epochs": self._asked}
        if self._folder is not None:
            given["checkpoint"] = self._folder.path
        said = self._trained.function(**{word: given[word] for word in self._trained.takes})
        if isinstance(said, Mapping):
            if self._asked > 1 and "epoch" not in said:
                raise self._mistake(
                    f"returned one mapping, which is a training of one epoch, and was asked for {self._asked}; write "
                    f"epochs: 1 in the study, or have it yield a mapping per epoch"
                )
            return iter([said])
        if not isinstance(said, Iterator):
            raise self._mistake(f"must yield one mapping of numbers per epoch, or return one, got {_shown(said)}")
        return said

    def _step(self, do: Callable[[], Any]) -> Any:
        with self._random.in_use(), self._modes.in_use():
            return self._context.run(do)

    def _numbered_row(self, row: object, before: int) -> tuple[int, Mapping[str, Any]]:
        """Returns the epoch that a row is of, and the row without it."""
        if not isinstance(row, Mapping):
            raise self._mistake(f"must yield one mapping of numbers per epoch, got {_shown(row)}")
        numbered, first = "epoch" in row, self._numbered is None
        if numbered != self._numbered and (not first or (self._given["numbered"] and not numbered)):
            raise self._mistake("some rows have 'epoch' and some have not; all or none")
        self._numbered = numbered
        if not numbered:
            return before + 1, row
        epoch = _whole(row["epoch"])
        if epoch is None or epoch < 1:
            raise self._mistake(f"epoch must be a whole number that counts from 1, got {_shown(row['epoch'])}")
        if (first and epoch > self.epoch + 1) or (not first and epoch != before + 1):
            expected = f"at most {self.epoch + 1}" if first else str(before + 1)
            raise self._mistake(f"the next row must be of epoch {expected}, got {epoch}; one row for each epoch")
        return epoch, {name: value for name, value in row.items() if name != "epoch"}

    def _end(self) -> None:
        """Runs the function to its end, where it may save; one that knows no `epochs` is ended."""
        if "epochs" not in self._trained.takes:
            self.close()
        elif (more := self._step(lambda: next(self._rows, _ENDED))) is not _ENDED:
            raise self._mistake(f"yielded more rows than epochs: {_shown(more)} after {self._asked}; {self._rule}")
        if self._folder is not None and self._folder.written():
            self._written = self._is_current = True
            self._random_when_written = self._random.state()

    def _note_writing(self) -> None:
        """Takes note of what was written before a row."""
        written = self._folder.written() if self._folder is not None else frozenset()
        if self._first_written is None:
            self._first_written, self._is_current = written, bool(written)
        self._is_current = self._is_current and bool(written) and written <= self._first_written
        if written:
            self._written, self._random_when_written = True, self._random.state()

    def _forget_writing(self) -> None:
        self._first_written = None
        self._written = self._is_current = False
        self._random_when_written = self._given["random"]

    @property
    def _rule(self) -> str:
        saved = self._given["saved"]
        if self._numbered or not self._given["files"]:
            return "one row for each epoch, as many in all as `epochs` says"
        return (
            f"it was given what it had saved at epoch {saved}, and must yield the rows from {saved + 1} on: load it, "
            f"save before each yield or after the last, or say epoch in each row"
        )

    @property
    def _whose(self) -> str:
        return f"function {self._trained.name}, seed {self._seed}"

    def _mistake(self, said: str) -> TrainerMistake:
        return TrainerMistake(f"{self._whose}: {said}")


def _whole(given: Any) -> int | None:
    try:
        return None if isinstance(given, bool) else index(given)
    except TypeError:
        return None


def _shown(given: object) -> str:
    return f"{type(given).__name__} {reprlib.repr(given)}"
