"""A ledger in memory, for studies that are played and thrown away: it decides as one on disk, and keeps nothing."""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from tune.ledger.curves.epoch import with_own_columns
from tune.ledger.curves.history import EvaluationMark, Metrics, Runs
from tune.ledger.incoming import baseline_of
from tune.ledger.ledger import Ledger
from tune.ledger.reader import Clock, LedgerReader
from tune.ledger.records import Decision, Kind
from tune.ledger.stores import Stores
from tune.study.study import Study


class _Nothing:
    """Stores without content."""

    @property
    def database(self) -> "_Nothing":
        return self

    curves = checkpoints = database

    def decisions(self) -> Sequence[Decision]:
        return ()

    def note(self, _name: str) -> None:
        return None

    def trials(self) -> Sequence[int]:
        return ()


class PlayedLedger(Ledger):
    """One played study's memory: a real one without files, fsync, lease, Optuna mirror and checks of what comes in.

    These are nine tenths of the time that a study takes whose training takes none.

    Args:
        study: The study.
        clock: Seconds, for the times of decisions.

    Attributes:
        runs_kept: Of how many runs a checkpoint would be kept now.
        most_runs_kept: Of how many at most so far.
    """

    def __init__(self, study: Study, clock: Clock) -> None:
        LedgerReader.__init__(self, study, Path(), cast("Stores", _Nothing()), clock)
        self.runs_kept = self.most_runs_kept = 0

    @cached_property
    def _runs(self) -> Runs:
        return Runs(self.study.score.metric)

    def _saved(self, trial: int) -> Mapping[int, Sequence[int]]:  # noqa: ARG002 - nothing is saved but what `saved` said
        return {}

    @property
    def largest_checkpoint(self) -> int:
        """Nothing is on a disk."""
        return 0

    def look_again(self, trial: int) -> None:
        """Nothing to be seen: no trainer saves more than it tells."""

    def recheck(self, trial: int, seeds: Sequence[int], epoch: int) -> bool:  # noqa: ARG002 - as of `Ledger`
        """No checkpoint is ever damaged."""
        return False

    def decide(
        self,
        kind: Kind,
        trial: int | None = None,
        rung: int | None = None,
        reason: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> Decision:
        """Takes a decision over, and returns it."""
        decision = Decision(kind, trial, rung, reason, detail or {}, self._clock())
        self._apply(decision)
        return decision

    def record(
        self,
        trial: int,
        seeds: Sequence[int],
        epoch: int,
        metrics: Metrics,
        held_s: float = 0.0,
        *,
        evaluation: EvaluationMark = "none",
        gpus: float | None = None,
        redone: Sequence[int] = (),
    ) -> None:
        """Takes one epoch over; see `Ledger.record`.

        Raises:
            ValueError: If an epoch was left out.
        """
        gpus = self.study.resources.gpus if gpus is None else gpus
        self._runs.take(trial, seeds, epoch, with_own_columns(metrics, seeds, held_s, gpus, evaluation, redone=redone))

    def saved(self, trial: int, seeds: Sequence[int], epoch: int) -> None:
        """Takes note that these seeds can go on from this epoch; a later checkpoint takes the place of an earlier."""
        before = self.done(trial)
        self.runs_kept += sum(seed not in before for seed in seeds)
        self.most_runs_kept = max(self.most_runs_kept, self.runs_kept)
        self._done[trial] = {**before, **dict.fromkeys(seeds, epoch)}

    def forget(self, trial: int, keep: Collection[int] = ()) -> None:
        """Takes note that the checkpoints of a trial are removed but those of some seeds."""
        before = self.done(trial)
        self._done[trial] = {seed: epoch for seed, epoch in before.items() if seed in keep}
        self.runs_kept -= len(before) - len(self._done[trial])

    def set_baseline(self, baseline: Mapping[str, float]) -> None:
        """Remembers the constant model's losses; the first to say them is believed."""
        if self._baseline is None:
            self._baseline = baseline_of(baseline)

    def set_in_flight(self, trials: Sequence[int]) -> None:
        """Nobody looks at it from elsewhere."""
