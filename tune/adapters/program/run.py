"""One run of a program: its process from the start to the end, the epochs that it told, and its state."""

import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tune.adapters.checkpoint_folder import files_of
from tune.adapters.program.checkpoint import PROGRAM, files_between_writes, latest_change
from tune.adapters.program.ending import failure, refuse_ending, refuse_too_many, refuse_unseen
from tune.adapters.program.epochs import Epochs
from tune.adapters.program.launch import Launched, launch
from tune.adapters.program.metrics.row import Naming, Row, Value
from tune.adapters.program.metrics.source import is_shared
from tune.adapters.program.plan import Plan
from tune.adapters.program.process import Process
from tune.adapters.program.turn import Turn
from tune.errors import TrainerMistake
from tune.study.program.placeholders import named_in

_SIGNALLED = 128
_SETTLE_S = 2.0
_LOOK_S = 0.02


class Run:
    """One process that trains a seed, or all where the program takes `{seeds}`.

    Args:
        plan: What to start.
        seeds: Whose.
        state: By seed, what `state` returned; None to begin at the first epoch.
        woken: Set when there may be something new.
    """

    def __init__(
        self, plan: Plan, seeds: Sequence[int], state: Mapping[int, Any] | None, woken: threading.Event
    ) -> None:
        self.seeds = list(seeds)
        self._plan, self._woken = plan, woken
        self._state: dict[int, dict[str, Any]] = {seed: dict((state or {}).get(seed, {})) for seed in seeds}
        metrics = plan.program.metrics
        self._naming = Naming(metrics.names if metrics is not None else {})
        self._first = metrics.first_epoch if metrics is not None else None
        self._epochs: dict[int, Epochs] = {}
        self._launched: Launched | None = None
        self._turn: Turn | None = None
        self._last_files: dict[str, bytes] | None = None  # before it was asked to end
        self._ended = self._saves_told = False
        self._told_at = time.time()

    def begin(self, done: int, to: int) -> None:
        """Is to train from one epoch up to another; its process is not started yet."""
        if self._launched is not None:  # it trained before
            self._state = self.state(done)
            self.close()
        for seed, kept in self._state.items():
            resumed = bool(kept.get("files"))
            rows = {epoch: row for epoch, row in kept.get("rows", {}).items() if epoch > done} if resumed else {}
            first = kept.get("first") if self._first is None and resumed else self._first
            begun = int(kept.get("of", done)) if resumed else 0
            self._epochs[seed] = Epochs(done, to, first, rows, resumed=resumed, begun=begun)
        self._ended = all(epochs.known >= to for epochs in self._epochs.values())

    def look(self) -> None:
        """Starts the process when it is its turn, takes what it told, and has it end where it is to.

        Raises:
            ProgramFailed: If it ended with an error.
            TrainerMistake: If what it told is not what was to be told.
        """
        if self._ended:
            return
        if self._launched is None:
            self._launched = self._start()
            return
        process, source = self._launched.process, self._launched.source
        process.insist()
        code = process.exit_code
        self._take(source.read(ended=code is not None))
        if code is None:
            told_all = not self._plan.program.obeys_epochs and all(self._whole(to) for to in self._last)
            if told_all and not process.ending:
                self._end(process, self._launched.saved)
            return
        last_lines = self._launched.output.last_lines
        if process.ending:
            refuse_unseen(self._naming)
        else:
            if code:
                raise failure(code, last_lines, self.seeds, self._launched.log)
            for epochs in self._epochs.values():
                epochs.add_late()
            refuse_ending(list(self._epochs.values()), source.place, self._naming, last_lines)
        self._finish(self._launched, code)

    def ready(self, epoch: int) -> bool:
        """Says whether an epoch is known; of the last one, also whether the process has ended."""
        return self._ended or (epoch not in self._last and self._whole(epoch))

    def row(self, seed: int, epoch: int) -> dict[str, Value]:
        """Returns what is known of an epoch of a seed."""
        return dict(self._epochs[seed].rows.get(epoch, {}))

    def trained_again(self) -> dict[int, int]:
        """Returns by seed how many epochs that were known it trained again since this was last asked.

        One that went on may find those that it tells in what it saved: a file of all epochs says nothing of that.
        """
        metrics = self._plan.program.metrics
        restored = metrics is not None and (metrics.file is not None or "checkpoint" in named_in(metrics.place or ""))
        counts = {seed: epochs.trained_again() for seed, epochs in self._epochs.items()}
        return {seed: 0 if restored and self._epochs[seed].resumed else count for seed, count in counts.items()}

    @property
    def metrics(self) -> list[str]:
        """The names of all metrics that are asked for, or were told."""
        asked = [name for name in self._naming.names if name != "epoch"]
        told = [name for epochs in self._epochs.values() for row in epochs.rows.values() for name in row]
        return list(dict.fromkeys([*asked, *told]))

    def state(self, epoch: int) -> dict[int, dict[str, Any]]:
        """Returns by seed what it needs to go on: epoch, files of the checkpoint, rows told of later epochs.

        Where rows have no numbers, nobody can say of which epoch the files of a program are that has not ended by
        itself. It goes on from those that it was given, then, and what it tells again is skipped.
        """
        if not self._plan.program.resumes:
            return {seed: {"epoch": epoch} for seed in self.seeds}
        by_itself = self._launched is not None and self._ended and self._last_files is None
        if self._launched is None or (not by_itself and self._uncertain):
            files = next(iter(self._state.values())).get("files", {})
        else:
            files = self._files(self._launched)
        found = {}
        for seed, epochs in self._epochs.items():
            later = {number: dict(row) for number, row in epochs.rows.items() if number > epoch}
            of = epochs.to if by_itself else epochs.begun
            found[seed] = {"epoch": epoch, "of": of, "first": epochs.first, "rows": later, "files": files}
        return found

    def terminate(self) -> None:
        """Asks the process to end, if there is one."""
        if self._launched is not None and not self._ended:
            self._launched.process.terminate()

    def insist(self) -> bool:
        """Kills the process if it was asked to end and has not within the grace; says whether there still is one."""
        if self._launched is None or not self._launched.process.alive:
            return False
        self._launched.process.insist()
        return True

    def close(self) -> None:
        """Has nothing of it be left but its log."""
        if self._launched is not None:
            self._launched.close()
            self._launched = None
        if self._turn is not None:
            self._turn.leave()

    @property
    def _uncertain(self) -> bool:
        """Whether rows have no numbers, or may have none because there was none yet."""
        return not all(epochs.told and epochs.numbered for epochs in self._epochs.values())

    @property
    def _last(self) -> set[int]:
        return {epochs.to for epochs in self._epochs.values()}

    def _start(self) -> Launched | None:
        metrics = self._plan.program.metrics
        if metrics is not None and metrics.place is not None and is_shared(self._plan.program):
            self._turn = self._turn or Turn(metrics.place)
            if not self._turn.take():
                return None
        files = next(iter(self._state.values())).get("files", {})
        to = max(self._last)
        return launch(self._plan, self.seeds, to, files, self._naming, woken=self._woken)

    def _take(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._told_at = time.time()
            for place, seed in enumerate(self.seeds):
                if row.seed in (None, seed) or len(self.seeds) == 1:
                    epochs = self._epochs[seed]
                    epochs.take(
                        row.number, {name: self._of(value, place, name, row) for name, value in row.values.items()}
                    )
                    if self._plan.program.obeys_epochs:
                        refuse_too_many(epochs)

    def _of(self, value: Value, place: int, name: str, row: Row) -> Value:
        """Returns what a value says of the seed at a place."""
        if isinstance(value, list):
            if len(value) != len(self.seeds):
                raise TrainerMistake(
                    f"metric {name!r} has {len(value)} values for {len(self.seeds)} seeds; one per seed"
                )
            return value[place]  # type: ignore[no-any-return] # of a sequence of numbers
        if row.seed is None and len(self.seeds) > 1:
            raise TrainerMistake(
                f"metric {name!r}: one process trains the seeds {self.seeds}; tell a list of one number per seed, or a "
                f"row for each with `seed`, got {value!r}"
            )
        return value

    def _whole(self, epoch: int) -> bool:
        whole = self._launched is not None and self._launched.source.whole
        return all(one.whole(epoch, rows_are_whole=whole, ended=self._ended) for one in self._epochs.values())

    def _end(self, process: Process, saved: Path) -> None:
        """Asks the process to end, at a moment at which its checkpoint is whole."""
        if self._plan.program.resumes:
            self._last_files = files_between_writes(saved, process)
        process.terminate()

    def _finish(self, launched: Launched, code: int) -> None:
        """Is done with its process; a file of a fixed name outside of `{run}` is moved away for the next run."""
        self._ended = True
        if code < _SIGNALLED:  # else it may have been killed while it saved
            self._last_files = None
        if self._turn is not None:
            metrics = self._plan.program.metrics
            file = Path(metrics.place or "") if metrics is not None else Path()
            if file.is_file():
                shutil.move(file, launched.scratch.path / file.name)
            self._turn.leave()

    def _files(self, launched: Launched) -> dict[str, bytes]:
        """Returns the files of the checkpoint as it is; what they are of has been told, or is now.

        A program may save an epoch before it tells it. Where it has saved after it last told something, it is given a
        moment to tell what that was; who tells nothing in this time saves what was told.
        """
        if self._ended:
            return files_of(launched.saved, PROGRAM) if self._last_files is None else self._last_files
        told_at = self._told_at
        files = files_between_writes(launched.saved, launched.process)
        until = time.monotonic() + _SETTLE_S
        while not self._saves_told and latest_change(launched.saved) > told_at == self._told_at:
            self._saves_told = time.monotonic() > until
            ended = not launched.process.alive
            self._take(launched.source.read(ended=ended))
            if ended:
                break
            self._woken.clear()
            self._woken.wait(_LOOK_S)
        return files
