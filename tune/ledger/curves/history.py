"""What the runs of a study have come to: the scored metric by epoch, pace and cost, from the rows of the curves."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from math import inf, isfinite, nan
from typing import TYPE_CHECKING, Literal

from tune.errors import TrainerMistake

if TYPE_CHECKING:
    import pyarrow as pa

EVALUATED = "evaluated"
"""The curve column that the tuner adds where a trainer evaluates apart from training: 0 in the row of a unit's last
epoch, whose evaluation is to come, and 1 in the row of the same epoch that the evaluation adds."""

Metrics = Mapping[str, Sequence[float | None]]
"""By name, one value per seed."""

EvaluationMark = Literal["none", "later", "due", "done"]
"""What the trainer's evaluation apart from training has to do with a row: nothing; it comes after a later epoch; after
this one; this is it."""

REDONE = "epochs_redone"
"""The curve column that the tuner adds where a trainer says so: how many epochs that were known of a seed it trained
again to come to this one."""

_LARGEST = 1e100
GPU_SECONDS = "gpu_seconds"
"""The curve column that the tuner adds where trials have GPUs: a seed's share of the time for which it held them."""


def refuse_unscored(metrics: Metrics, scored: str, who: str = "study", key: str = "score.metric") -> None:
    """Raises TrainerMistake if metrics are without the one that is scored, by whom, and which key names."""
    if scored not in metrics:
        raise TrainerMistake(
            f"the trainer yields no '{scored}', which the {who} scores; it yields {sorted(metrics)}; yield it in every "
            f"epoch (None where it is not known), or score another metric ({key})"
        )


class Runs:
    """Rows of curves come in, once each and in the order in which they were appended; sums come out.

    A ledger that is opened again takes the same rows in the same order, so it knows the same to the last bit.

    Args:
        metric: The scored one.

    Attributes:
        redone: Seed-epochs that were trained again: rows that came again, and the sum of the column `REDONE`.
        spent: Seed-epochs trained, each counted once.
        gpu_seconds: Sum of the column of that name.
    """

    def __init__(self, metric: str) -> None:
        self.redone = self.spent = 0
        self.gpu_seconds = 0.0
        self._metric = metric
        self._values: dict[tuple[int, int], list[float]] = {}
        self._cut_off: set[tuple[int, int, int]] = set()  # trial, seed, epoch
        self._unscored: dict[tuple[int, int], set[int]] = {}
        self._unevaluated: dict[tuple[int, int], set[int]] = {}
        self._pace: dict[int, tuple[float, int]] = {}

    def take_table(self, table: "pa.Table") -> None:
        """Takes rows as they are stored.

        A row that follows a gap, where others were lost, is counted and not used: the run is as long as it has no gap,
        and the row counts as trained again when it comes again.
        """
        trials, seeds, epochs = (table[name].to_pylist() for name in ("trial", "seed", "epoch"))
        columns = {
            name: table[name].to_pylist()
            for name in (self._metric, "seconds", GPU_SECONDS, EVALUATED, REDONE)
            if name in table.column_names
        }
        marks = columns.get(EVALUATED, [None] * len(trials))
        start = 0
        for (trial, epoch, _), rows in groupby(zip(trials, epochs, marks, strict=True)):
            end = start + len(list(rows))
            metrics = {name: values[start:end] for name, values in columns.items()}
            self._take(trial, seeds[start:end], epoch, metrics)
            start = end

    def take(self, trial: int, seeds: Sequence[int], epoch: int, metrics: Metrics) -> None:
        """Takes one epoch of some seeds of a trial, or what the evaluation of that epoch adds to it.

        Raises:
            ValueError: If an epoch was left out.
        """
        self.refuse_gap(trial, seeds, epoch)
        self._take(trial, seeds, epoch, metrics)

    def refuse_gap(self, trial: int, seeds: Sequence[int], epoch: int) -> None:
        """Raises ValueError if an epoch would be left out before this one."""
        for seed in seeds:
            trained = len(self.curve(trial, seed))
            if not 1 <= epoch <= trained + 1:
                raise ValueError(
                    f"trial {trial} seed {seed}: epoch {epoch} follows epoch {trained}; none may be left out"
                )

    def refuse_unscored(
        self,
        trial: int,
        seeds: Sequence[int],
        epoch: int,
        metrics: Metrics,
        evaluation: EvaluationMark,
        *,
        judged: bool,
    ) -> None:
        """Raises TrainerMistake if metrics leave unknown what the study scores.

        A trainer may know it every few epochs only: the latest value counts. One there must be where a trial is judged.
        """
        known = evaluation == "done" and all(self.scored(trial, seed, epoch) for seed in seeds)
        if evaluation in ("later", "due") or known:
            return
        refuse_unscored(metrics, self._metric)
        for seed, value in zip(seeds, metrics[self._metric], strict=True) if judged else ():
            if value is None and (evaluation == "done" or not self.last_known(trial, seed, epoch - 1)):
                raise TrainerMistake(
                    f"metric '{self._metric}', seed {seed}: is not known (None) by epoch {epoch}, where the study "
                    "scores the trial; it must be known at least once by the end of each rung"
                )

    def curve(self, trial: int, seed: int) -> Sequence[float]:
        """Returns the scored metric of one run by epoch, nan where it is not known."""
        return self._values.get((trial, seed), ())

    def loss(self, trial: int, seed: int, epochs: int) -> float:
        """Returns the scored metric of a run after so many epochs, as it was last known; nan where it trained fewer."""
        curve, known = self.curve(trial, seed), self.last_known(trial, seed, epochs)
        return curve[known - 1] if known and len(curve) >= epochs else nan

    def known(self, trial: int, seed: int, epochs: int) -> list[float]:
        """Returns the scored metric of those of the first epochs of a run in which it is known, finite or not."""
        unknown = self._unscored.get((trial, seed), ())
        return [value for epoch, value in enumerate(self.curve(trial, seed)[:epochs], 1) if epoch not in unknown]

    def last_known(self, trial: int, seed: int, epochs: int) -> int:
        """Returns the latest of the first epochs of a run in which the scored metric is known, 0 where it never is."""
        unknown, trained = self._unscored.get((trial, seed), ()), len(self.curve(trial, seed))
        return next((epoch for epoch in range(min(epochs, trained), 0, -1) if epoch not in unknown), 0)

    def diverged(self, trial: int, seed: int) -> bool:
        """Says whether the latest known value of a run is not finite; one that is to be evaluated is not known."""
        curve = self.curve(trial, seed)
        epoch = self.last_known(trial, seed, len(curve))
        return epoch > 0 and not isfinite(curve[epoch - 1])

    def scored(self, trial: int, seed: int, epoch: int) -> bool:
        """Says whether the scored metric of an epoch is there, finite or not."""
        return epoch <= len(self.curve(trial, seed)) and epoch not in self._unscored.get((trial, seed), ())

    def unevaluated(self, trial: int, seed: int, epoch: int) -> bool:
        """Says whether the evaluation after an epoch is still to come."""
        return epoch in self._unevaluated.get((trial, seed), ())

    def pace(self, trial: int) -> float:
        """Returns the seconds that an epoch of one seed of a trial took on average; nan when the trainer tells none."""
        seconds, rows = self._pace.get(trial, (0.0, 0))
        return seconds / rows if rows else nan

    def _take(self, trial: int, seeds: Sequence[int], epoch: int, metrics: Metrics) -> None:
        values = metrics.get(self._metric, [None] * len(seeds))
        marks = metrics.get(EVALUATED, [None] * len(seeds))
        for seed, value, mark in zip(seeds, values, marks, strict=True):
            waiting = self._unevaluated.setdefault((trial, seed), set())
            if mark == 1:
                waiting.discard(epoch)
                self._add_value(trial, seed, epoch, value)
            else:
                self._take_value(trial, seed, epoch, value)
                if mark == 0:
                    waiting.add(epoch)
        # Seeds that train together share its seconds.
        known = [value for value in metrics.get("seconds", ()) if value is not None and isfinite(value)]
        seconds, rows = self._pace.get(trial, (0.0, 0))
        self._pace[trial] = seconds + sum(set(known)), rows + len(known)
        for share in metrics.get(GPU_SECONDS, ()):  # one by one: the order of a sum shows in its last bit
            self.gpu_seconds += share or 0.0
        self.redone += sum(int(again or 0) for again in metrics.get(REDONE, ()))

    @staticmethod
    def _number(value: float) -> float:
        """Returns a value as it is judged: of one so large that its square is none, training has diverged."""
        return float(value) if not isfinite(value) or abs(value) < _LARGEST else inf

    def _add_value(self, trial: int, seed: int, epoch: int, value: float | None) -> None:
        """Takes the scored metric from an evaluation: nothing was trained for it."""
        if value is not None and epoch <= len(self.curve(trial, seed)):
            self._values[trial, seed][epoch - 1] = self._number(value)
            self._unscored[trial, seed].discard(epoch)

    def _take_value(self, trial: int, seed: int, epoch: int, value: float | None) -> None:
        curve, row = self._values.setdefault((trial, seed), []), (trial, seed, epoch)
        number = nan if value is None else self._number(value)
        if epoch <= len(curve) or row in self._cut_off:
            self.redone += 1
        else:
            self.spent += 1
        if epoch > len(curve) + 1:
            self._cut_off.add(row)
            return
        self._cut_off.discard(row)
        unknown = self._unscored.setdefault((trial, seed), set())
        (unknown.add if value is None else unknown.discard)(epoch)
        if epoch == len(curve) + 1:
            curve.append(number)
        else:
            curve[epoch - 1] = number
