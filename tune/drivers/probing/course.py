"""The course of a check: which short trainings are done, in which order, as the time that is given allows."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from socket import gethostname
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

from tune.drivers.config_checks import config_check, middle
from tune.drivers.probing.asked import Asked
from tune.drivers.probing.processes import Runner
from tune.drivers.probing.settings import Setting, ends, feasible, rates
from tune.private_folders import private_folder
from tune.scoring.check.measured import Probed, Purpose
from tune.study.study import Study
from tune.trainer import TrainerClass

_FIRST_SHARE, _CLIMB_SHARE = 0.25, 0.15
"""Of the time: the first training ends with the epoch in which that is over; a seed climbs where that is enough."""

_CORNER_EPOCHS = 2
_FEW_EPOCHS, _MOST_EPOCHS = 8, 24
"""Of the middle, where the first rung has fewer or more: what a check asks is seen by then."""


@dataclass
class Course:
    """Does the short trainings of a check.

    Attributes:
        study: What is checked.
        trainer: Its class, asked which settings it refuses.
        recording: As prepared, for that.
        runner: Does one short training.
        seconds: How long all of them may take; the most important ones come first, and what does not fit is left out.
        at_once: How many train at once, as the study will have it: 1 or more.
        nodes: Types of node of a cluster beside the one where all is done: on each the middle is trained as well.
        scratch: A folder for checkpoints that whatever trains sees; None: a temporary one.
        done: Called with each result.
        abandon: Called where this is left early: whatever is in training is to end.
        begun: When, as `time.monotonic`.
    """

    study: Study
    trainer: TrainerClass
    recording: Mapping[str, Any]
    runner: Runner
    seconds: float
    at_once: int = 1
    nodes: Sequence[str] = ()
    scratch: Path | None = None
    done: Callable[[Probed], None] = field(default=lambda _: None)
    abandon: Callable[[], None] = field(default=lambda: None)
    begun: float = field(default_factory=time.monotonic)

    def results(self) -> list[Probed]:
        """Returns what the short trainings came to, in the order in which they ended.

        Raises:
            Interrupted: If it was asked to stop.
        """
        study, may = self.study, feasible(self.study, config_check(self.trainer, self.recording))
        self._base = middle(study, self.trainer, self.recording)
        # Two at least, where the study has them: what seeds side by side do to each other is asked.
        self._seeds = tuple(study.seeds[: max(study.rungs[0].seeds, min(2, study.top.seeds))])
        with (
            private_folder(f".latent-tune-check-{gethostname()}-", self.scratch or Path(gettempdir())) as scratch,
            self._workers() as do,
        ):
            self._scratch = scratch
            wanted = min(max(study.rungs[0].epochs, _FEW_EPOCHS), _MOST_EPOCHS, study.top.epochs)
            asked = wanted if wanted == 1 else wanted // 2 * 2
            whole = self._asked("whole", self._base, self._seeds, (0, asked), seconds=self.seconds * _FIRST_SHARE)
            copies = max(2, min(self.at_once, 8))
            again = replace(whole, purpose="again")
            more = [*[[again]] * (copies - 1), *([replace(again, node=node)] for node in self.nodes)]
            found = do([[whole], *(more if self.at_once > 1 else [])])
            if self.at_once == 1 and not found[0].died:
                found += do(more)
            trained = len(found[0].epochs) // 2 * 2
            if found[0].died or not found[0].epochs:  # nothing else would be different, or it takes too long
                return found
            found += do(self._halves(trained) if trained else [])
            found += do(self._climb(found[0]))
            found += do(self._ends(found[0], [*islice(ends(study, self._base, may), 64)], "corner"))
            found += do(self._ends(found[0], rates(study, self._base, may), "rate"))
        return found

    @contextmanager
    def _workers(self) -> Iterator[Callable[[Sequence[Sequence[Asked]]], list[Probed]]]:
        """Yields what does chains of trainings: chains at once, what is in a chain one after the other."""
        with ThreadPoolExecutor(self.at_once) as pool:
            try:
                yield lambda chains: [probed for chain in pool.map(self._chain, chains) for probed in chain]
            except BaseException:
                self.abandon()
                pool.shutdown(cancel_futures=True)
                raise

    def _chain(self, chain: Sequence[Asked]) -> list[Probed]:
        found: list[Probed] = []
        for asked in chain:
            if found and found[-1].died:
                break
            with TemporaryDirectory(dir=self._scratch) as own:
                found.append(self.runner(asked if asked.folder else replace(asked, folder=own)))
            self.done(found[-1])
        return found

    def _asked(
        self,
        purpose: Purpose,
        setting: Setting,
        seeds: Sequence[int],
        epochs: tuple[int, int],
        *,
        seconds: float | None = None,
        folder: str = "",
    ) -> Asked:
        return Asked(
            purpose,
            {**self.study.fixed, **setting},
            setting,
            list(seeds),
            *epochs,
            folder,
            self._left if seconds is None else seconds,
            watched=purpose in ("alone", "other"),
        )

    @property
    def _left(self) -> float:
        """Seconds that are left of the time given."""
        return max(0.0, self.seconds - (time.monotonic() - self.begun))

    def _halves(self, epochs: int) -> list[list[Asked]]:
        """Returns the same epochs as the whole once more: by one seed alone, by another, and in two processes."""
        half, seeds = epochs // 2, self._seeds
        folder = str(self._scratch / "halves")
        Path(folder).mkdir()
        chains = [
            [
                self._asked("first_half", self._base, seeds, (0, half), folder=folder),
                self._asked("second_half", self._base, seeds, (half, epochs), folder=folder),
            ],
            [self._asked("alone", self._base, seeds[:1], (0, epochs))],
        ]
        others = self.study.seeds[1:2]
        return [*chains, [self._asked("other", self._base, others, (0, epochs))]] if others else chains

    def _climb(self, whole: Probed) -> list[list[Asked]]:
        """Returns a training of one seed beyond the first rung, where that takes a small part of the time."""
        rungs = self.study.rungs
        beyond = next((rung.epochs for rung in rungs if rung.epochs > rungs[0].epochs), None)
        if beyond is None:
            return []
        target = rungs[0].epochs + 1
        epoch_s = sum(epoch.seconds for epoch in whole.steady) / len(whole.steady)
        if whole.start_s + epoch_s * target > _CLIMB_SHARE * self.seconds:
            return []
        return [[self._asked("climb", self._base, self._seeds[:1], (0, target))]]

    def _ends(self, whole: Probed, settings: Sequence[Setting], purpose: Purpose) -> list[list[Asked]]:
        """Returns a short training of each setting, as many as are likely to fit into the time that is left."""
        epoch_s = max(epoch.seconds for epoch in whole.epochs)
        epochs = min(_CORNER_EPOCHS, self.study.top.epochs)
        each_s = whole.start_s + epochs * epoch_s + whole.evaluation_s
        fit = int(self._left * self.at_once / each_s)
        seconds = max(self._left / max(1, len(settings)), each_s)
        return [
            [self._asked(purpose, setting, self._seeds, (0, epochs), seconds=seconds)] for setting in settings[:fit]
        ]
