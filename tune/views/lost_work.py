"""What failures cost a study: work that was trained again, and that of trials that died, by cause, from its rows."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

import numpy as np
import pyarrow as pa

from tune.ledger.attempts import CLASSES
from tune.ledger.curves.arrays import floats_of, values_of
from tune.ledger.curves.history import EVALUATED, GPU_SECONDS, REDONE
from tune.ledger.reader import LedgerReader
from tune.ledger.records import Reached, Trial

Unit = Literal["gpu_seconds", "seconds", "seed_epochs"]
"""In what shares are measured: the time for which GPUs were held, else seconds that a trainer tells, else epochs."""

KILLED, UNSAVED, NO_CHECKPOINT = "driver_killed", "driver_ended", "no_checkpoint"
CAUSES = (*CLASSES, KILLED, UNSAVED, NO_CHECKPOINT)
"""The classes of failure of trials (`tune.ledger.attempts`), and beside them: driver_killed: the process that worked on
the study was; driver_ended: it was interrupted or stopped before all was saved; no_checkpoint: none of these came
between, so there was no checkpoint to go on from: it was removed (`storage.keep`), is damaged, or is never written."""

LOST_TOLD = 0.01
"""The share of all work above which the terminal says that it was lost."""


@dataclass(frozen=True)
class Loss:
    """Work that bought nothing.

    Attributes:
        cause: One of `CAUSES`.
        redone: Seed-epochs that were trained again.
        died: Seed-epochs of trials and seeds that died for good, beyond what they reached.
        seconds: For which slots trained them; seeds that train together share theirs. None where that is not known.
        gpu_seconds: GPU-seconds of them; 0 where trials have no GPU.
        share: Of all work, 0 to 1.
    """

    cause: str
    redone: int
    died: int
    seconds: float | None
    gpu_seconds: float
    share: float


@dataclass(frozen=True)
class LostWork:
    """What failures cost a study, as far as its ledger tells.

    Attributes:
        losses: By cause, the greatest share first.
        unit: In what shares are measured.
        deaths: Units of work that died. What each had begun since its last epoch no row tells, so it is not counted.
    """

    losses: Sequence[Loss]
    unit: Unit
    deaths: int

    @property
    def whole(self) -> Loss:
        """All of it together."""
        known = [one.seconds for one in self.losses if one.seconds is not None]
        return Loss(
            cause="all",
            redone=sum(one.redone for one in self.losses),
            died=sum(one.died for one in self.losses),
            seconds=sum(known) if len(known) == len(self.losses) else None,
            gpu_seconds=sum(one.gpu_seconds for one in self.losses),
            share=sum(one.share for one in self.losses),
        )


def lost_work(ledger: LedgerReader) -> LostWork:
    """Returns what failures cost a study; rows are read only where something may have been lost."""
    deaths = sum(attempt.died for trial in ledger.trials for attempt in trial.attempts)
    tables = list(ledger.rows()) if ledger.redone or any(trial.dead for trial in ledger.trials) else []
    if not tables:
        return LostWork((), "seed_epochs", deaths)
    rows = _Rows.of(pa.concat_tables(tables, promote_options="default"))
    unit: Unit = "gpu_seconds" if rows.gpu_s.any() else "seconds" if rows.seconds.any() else "seed_epochs"
    weight = {"gpu_seconds": rows.gpu_s, "seconds": rows.seconds, "seed_epochs": rows.trains + rows.again}[unit]
    lost: dict[str, list[int]] = {}
    part = rows.again / (1 + rows.again)  # of a row that is kept: what it repeated to come to its epoch
    died = np.zeros(len(part), dtype=bool)
    for place, cause in _died(ledger, rows):
        lost.setdefault(cause, []).append(place)
        died[place] = True
    for place, cause in _redone(ledger, rows):
        lost.setdefault(cause, []).append(place)
    part[died | rows.superseded] = 1
    for place in np.flatnonzero((part > 0) & (part < 1)).tolist():
        lost.setdefault(NO_CHECKPOINT, []).append(place)
    whole, found = float(weight.sum()), []
    for cause, places in lost.items():
        of, trained = part[places], rows.trains[places]
        found.append(
            Loss(
                cause=cause,
                redone=int((rows.superseded[places] & trained).sum() + rows.again[places].sum()),
                died=int((died[places] & trained).sum()),
                seconds=_seconds(ledger, rows, places, of),
                gpu_seconds=float((rows.gpu_s[places] * of).sum()),
                share=float((weight[places] * of).sum()) / whole if whole else 0.0,
            )
        )
    found.sort(key=lambda one: (-one.share, CAUSES.index(one.cause)))
    return LostWork(tuple(found), unit, deaths)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Every row of the curves, in the order in which they were appended; arrays of that length.

    Attributes:
        trial, seed, epoch: Of which they are.
        trains: Whether the row tells of training; else of an evaluation, which trained nothing.
        again: How many known epochs were trained again to come to this one.
        seconds: The row's share of what the trainer told of its epoch, as much for each that was trained again; 0 where
            it told nothing.
        gpu_s: GPU-seconds.
        superseded: Whether its epoch was trained again later.
        after: Of a superseded row, the place of the row that was trained in its stead.
        known: How many different seed-epochs of its trial were there with this row.
    """

    trial: np.ndarray
    seed: np.ndarray
    epoch: np.ndarray
    trains: np.ndarray
    again: np.ndarray
    seconds: np.ndarray
    gpu_s: np.ndarray
    superseded: np.ndarray
    after: np.ndarray
    known: np.ndarray

    @classmethod
    def of(cls, table: pa.Table) -> "_Rows":
        trial, seed, epoch = (values_of(table[name]) for name in ("trial", "seed", "epoch"))
        trains = _column(table, EVALUATED) != 1
        again = _column(table, REDONE)
        after, first = _repeats(trial, seed, epoch, trains)
        return cls(
            *(trial, seed, epoch, trains, again),
            seconds=_shares(_column(table, "seconds"), trial, epoch, first, after >= 0) * (1 + again),
            gpu_s=_column(table, GPU_SECONDS),
            superseded=after >= 0,
            after=after,
            known=_counted(trial, first),
        )


def _column(table: pa.Table, name: str) -> np.ndarray:
    """Returns a column as float64, 0 where it is not known or there is none of that name."""
    if name not in table.column_names:
        return np.zeros(table.num_rows)
    values = floats_of(table[name])
    return np.where(np.isfinite(values), values, 0.0)


def _repeats(
    trial: np.ndarray, seed: np.ndarray, epoch: np.ndarray, trains: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns by row the next training of its seed-epoch, -1 where there is none; and whether it is the first one."""
    rows = len(trial)
    order = np.lexsort((np.arange(rows), epoch, seed, trial))
    of = np.cumsum(_begins(trial[order], seed[order], epoch[order]))
    training = np.where(trains[order], np.arange(rows), rows)
    following = np.append(np.minimum.accumulate(training[::-1])[::-1][1:], rows)
    again = (following < rows) & (np.append(of, 0)[following] == of)
    after, first = np.full(rows, -1), np.zeros(rows, dtype=bool)
    after[order[again]] = order[following[again]]
    first[order] = _begins(of)
    return after, first & trains


def _counted(trial: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Returns by row how many rows of its trial up to it, with it, are marked."""
    order = np.argsort(trial, kind="stable")
    counts, starts = np.cumsum(first[order]), np.flatnonzero(_begins(trial[order]))
    before = np.insert(counts, 0, 0)[starts]
    found = np.zeros(len(trial), dtype=np.int64)
    found[order] = counts - np.repeat(before, np.diff(np.append(starts, len(trial))))
    return found


def _begins(*columns: np.ndarray) -> np.ndarray:
    """Returns by row whether one of the columns has another value than in the row before; of the first it is so."""
    changes = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return np.insert(changes, 0, True)[: len(columns[0])]


def _shares(seconds: np.ndarray, *alike: np.ndarray) -> np.ndarray:
    """Returns of each row its part of the seconds that the seeds which trained with it share.

    Args:
        seconds: As told, the same for each of these seeds.
        alike: What is the same in all of their rows as well.
    """
    starts = np.flatnonzero(_begins(seconds, *alike))
    together = np.diff(np.append(starts, len(seconds)))
    return np.asarray(seconds / np.repeat(together, together))


def _seconds(ledger: LedgerReader, rows: _Rows, places: Sequence[int], part: np.ndarray) -> float | None:
    """Returns for how long slots trained some rows: what the trainer told, else for how long they held their GPUs."""
    if rows.seconds.any():
        return float((rows.seconds[places] * part).sum())
    gpus = ledger.study.resources.gpus
    return float((rows.gpu_s[places] * part).sum()) / gpus if gpus and rows.gpu_s.any() else None


def _redone(ledger: LedgerReader, rows: _Rows) -> Iterator[tuple[int, str]]:
    """Yields the places of rows that were trained again, and why."""
    reached = _reached(ledger)
    for place in np.flatnonzero(rows.superseded).tolist():
        trial = ledger.trials[int(rows.trial[place])]
        yield place, _cause(ledger, trial, rows, place, reached.get(trial.number, ()))


def _cause(
    ledger: LedgerReader, trial: Trial, rows: _Rows, place: int, reached: Sequence[tuple[float, Reached]]
) -> str:
    """Returns what came between a row and its training again.

    An attempt says how many seed-epochs of its trial were there when it ended, which places it among the rows. The end
    of a process is placed by time: rows have none, but lie between two results of their trial.
    """
    seed, epoch = int(rows.seed[place]), int(rows.epoch[place])
    before, later = int(rows.known[place]), int(rows.known[rows.after[place]])
    for attempt in trial.attempts:
        of_it = attempt.died and (not attempt.seeds or seed in attempt.seeds)
        unplaced = attempt.from_epoch is None and not attempt.trained  # as earlier versions wrote it
        if of_it and (unplaced or before <= attempt.trained <= later):
            return attempt.kind
    end = next((at for at, one in reached if seed in one.losses and _epochs(ledger, trial, one) >= epoch), inf)
    begin = max((at for at, one in reached if at < end and _epochs(ledger, trial, one) < epoch), default=trial.started)
    endings = Counter(one.ended for one in ledger.sessions if one.ended and begin <= one.closed < end)
    if endings["lost"]:
        return KILLED
    return UNSAVED if endings["interrupted"] or endings["stopped"] else NO_CHECKPOINT


def _epochs(ledger: LedgerReader, trial: Trial, reached: Reached) -> int:
    return ledger.rung(trial.number, reached.rung).epochs


def _reached(ledger: LedgerReader) -> Mapping[int, Sequence[tuple[float, Reached]]]:
    """Returns by trial when it reached what, in order."""
    found: dict[int, list[tuple[float, Reached]]] = {}
    for decision in ledger.decisions:
        if decision.kind == "reach" and decision.trial is not None:
            found.setdefault(decision.trial, []).append((decision.time, Reached.of(decision)))
    return found


def _died(ledger: LedgerReader, rows: _Rows) -> Iterator[tuple[int, str]]:
    """Yields the places of rows of what died for good, beyond what its trial reached, and of what it died."""
    dead = {trial.number: trial for trial in ledger.trials if trial.dead}
    for place in np.flatnonzero(np.isin(rows.trial, list(dead)) & ~rows.superseded).tolist():
        trial, seed = dead[int(rows.trial[place])], int(rows.seed[place])
        lost = trial.ended == "failed" or seed in trial.given_up
        kept = trial.last is not None and seed in trial.last.losses
        if lost and not (kept and trial.last and int(rows.epoch[place]) <= _epochs(ledger, trial, trial.last)):
            of_it = [one.kind for one in trial.attempts if one.died and (not one.seeds or seed in one.seeds)]
            kinds = of_it or [one.kind for one in trial.attempts if one.died]
            yield place, kinds[-1] if kinds else "crashed"
