"""From the ledger to a logger: every run that it has, each epoch once."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

import pyarrow.compute as pc

from tune.ledger.curves.follow import CurveTail
from tune.ledger.curves.history import EVALUATED, REDONE
from tune.ledger.reader import LedgerReader
from tune.ledger.records import Decision, Reached, Trial
from tune.scoring.measured import summary_of
from tune.scoring.standings import incumbent, standings
from tune.views.changes import Newsreader, TrialChanges
from tune.views.trackers.logger import Logger, Run, RunState
from tune.views.trackers.marks import Marks

_KEY = ("trial", "seed", "epoch", EVALUATED, REDONE)
_Row = Mapping[str, Any]
_End = tuple[RunState, Mapping[str, float], float]
"""State, summary, and when."""


class Follower:
    """Tells a logger what a ledger has and the logger has not been told.

    How its state evolves: made → `follow()` tells all that is new → … → `close()` tells how the study stands. Rows are
    read once, as they are appended; a run of which the tracker has less than was read is told from the curves again.

    Where a run stands is a number, twice its epoch, and one more when that was evaluated.

    Args:
        ledger: The study's memory.
        logger: Who is told.
        marks: What was told before.
        heard: Called whenever the logger has taken something.
    """

    def __init__(self, ledger: LedgerReader, logger: Logger, marks: Marks, heard: Callable[[], None]) -> None:
        self._ledger, self._logger, self._marks, self._heard = ledger, logger, marks, heard
        self._news, self._runs = Newsreader(ledger), dict[tuple[int, int | None], Run]()
        self._open: dict[str, tuple[Run, int]] = {}  # those started and not ended, and how far they were told
        self._seen: dict[str, int] = {}
        self._clocks: dict[str, float] = {}
        self._summaries: dict[str, Mapping[str, float]] = {}
        self._study = _study_run(ledger)
        self._start(self._study)

    def follow(self) -> None:
        """Tells all that is new.

        Raises:
            Exception: Whatever the logger raises; then this object is of no use any more.
        """
        for news in self._news.read():
            self._take(news)

    def close(self, *, finished: bool) -> None:
        """Tells all that is new, and how what is unfinished stands; the logger is not closed.

        Args:
            finished: Whether the study is.
        """
        self.follow()
        for run, _ in reversed([entry for entry in self._open.values() if entry[0] is not self._study]):
            last = self._clocks.get(run.id, run.started)
            self._end(run, ("waiting", self._summaries.get(run.id, {}), last))
        of_study: RunState = "finished" if finished else "interrupted"
        last = self._ledger.decisions[-1].time if self._ledger.decisions else self._study.started
        self._end(self._study, (of_study, _study_summary(self._ledger), last))

    def _take(self, news: TrialChanges) -> None:
        trial = self._ledger.trials[news.trial]
        for row in news.rows:
            if row["seed"] in self._ledger.study.seeds:
                self._take_row(self._run(trial, row["seed"]), row)
        begun, ends = dict[str, Run](), dict[str, tuple[Run, _End]]()
        for decision in news.decisions:
            self._take_decision(trial, decision, begun, ends)
        for key, run in begun.items():
            if key not in ends and key not in self._open:
                self._start(run)
        for run, end in sorted(ends.values(), key=lambda entry: entry[0].seed is None):  # the trial after its seeds
            self._end(run, end)

    def _take_row(self, run: Run, row: _Row) -> None:
        place = _place(row)
        if place <= self._seen.get(run.id, 0):  # trained again after a kill, with the same result
            return
        if run.id not in self._open and place > self._marks.told(run.id):
            self._start(run)
        self._clocks[run.id] = _clock(row, self._clocks.get(run.id, run.started))
        if run.id in self._open:
            self._tell(run, row, self._clocks[run.id])
        self._seen[run.id] = place

    def _take_decision(
        self, trial: Trial, decision: Decision, begun: dict[str, Run], ends: dict[str, tuple[Run, _End]]
    ) -> None:
        of_trial = self._run(trial, None)
        if decision.kind in ("start", "promote", "race", "retry"):
            for run in (of_trial, *self._runs_of(trial, self._ledger.seeds(trial.number, decision.rung or 0))):
                ends.pop(run.id, None)
                begun[run.id] = run
        elif decision.kind == "reach":
            reached = Reached.of(decision)
            last = reached.rung == len(self._ledger.study.rungs) - 1
            state: RunState = "confirmed" if last else "paused"
            for run in (of_trial, *self._runs_of(trial, list(reached.losses))):
                self._summaries[run.id] = _summary(self._ledger, trial, reached, run.seed)
                ends[run.id] = run, (state, self._summaries[run.id], decision.time)
        elif decision.kind == "stop" and trial.ended == "stopped":  # not where the study has grown, and it goes on
            every = (of_trial, *self._known(trial))
            ends |= {run.id: (run, ("stopped", self._summaries.get(run.id, {}), decision.time)) for run in every}
        elif decision.kind == "fail":
            seeds = [int(seed) for seed in decision.detail.get("seeds") or ()]
            died = self._runs_of(trial, seeds) if seeds and trial.ended != "failed" else (of_trial, *self._known(trial))
            ends |= {run.id: (run, ("failed", self._summaries.get(run.id, {}), decision.time)) for run in died}

    def _start(self, run: Run) -> None:
        """Begins a run or goes on with it, after the one that it is nested in; tells what the tracker lacks of it."""
        if run.parent is not None and run.parent.id not in self._open:
            self._start(run.parent)
        run.time = self._clocks.get(run.id, run.started)
        marked, has = self._marks.told(run.id), self._logger.start(run)
        self._heard()
        told = marked if has is None or has == marked // 2 else 2 * has
        self._open[run.id] = run, told
        self._marks.note(run.id, told)
        if told // 2 < self._seen.get(run.id, 0) // 2:
            clock = run.started
            for row in self._rows_of(run):
                clock = _clock(row, clock)
                self._tell(run, row, clock)

    def _tell(self, run: Run, row: _Row, clock: float) -> None:
        """Tells an epoch, unless it was."""
        place = _place(row)
        if place > self._open[run.id][1]:
            run.time = clock
            metrics = {name: value for name, value in row.items() if name not in _KEY and value is not None}
            self._logger.epoch(run, place // 2, metrics)
            self._heard()
            self._open[run.id] = run, place
            self._marks.note(run.id, place)

    def _end(self, run: Run, end: _End) -> None:
        """Tells how a run stands, unless that was told."""
        state, summary, time = end
        if run.id not in self._open:
            if self._marks.state(run.id) == state and self._marks.told(run.id) >= self._seen.get(run.id, 0):
                return
            self._start(run)
        run.time = time
        self._logger.end(run, state, {name: value for name, value in summary.items() if isfinite(value)})
        self._heard()
        self._marks.note(run.id, self._open.pop(run.id)[1], state)

    def _rows_of(self, run: Run) -> Iterator[_Row]:
        """Yields every row of a seed's curve, in its order, from the disk; one that was trained again once."""
        latest = 0
        for table in CurveTail(self._ledger.folder / "curves").read():
            mine = table.filter((pc.field("trial") == run.trial) & (pc.field("seed") == run.seed))
            for row in mine.to_pylist():
                if _place(row) > latest:
                    latest = _place(row)
                    yield row

    def _run(self, trial: Trial, seed: int | None) -> Run:
        key = (trial.number, seed)
        if key not in self._runs:
            parent = self._study if seed is None else self._run(trial, None)
            self._runs[key] = _trial_run(self._ledger, trial, seed, parent)
        return self._runs[key]

    def _runs_of(self, trial: Trial, seeds: Sequence[int]) -> list[Run]:
        return [self._run(trial, seed) for seed in seeds]

    def _known(self, trial: Trial) -> list[Run]:
        """Returns the seeds of a trial that have begun."""
        return [
            self._runs[trial.number, seed] for seed in self._ledger.study.seeds if (trial.number, seed) in self._runs
        ]


def _study_run(ledger: LedgerReader) -> Run:
    """Returns the run of a study; another one of the same name began at another moment, and has another identity."""
    name, begun = ledger.study.name, ledger.decisions[0].time if ledger.decisions else 0.0
    digest = hashlib.sha256(f"{name} {begun!r}".encode()).hexdigest()[:8]
    return Run("study", f"{name}-{digest}", name, name, None, None, None, dict(ledger.study.fixed), begun, begun)


def _trial_run(ledger: LedgerReader, trial: Trial, seed: int | None, parent: Run) -> Run:
    of_seed = f"/seed-{seed}" if seed is not None else ""
    name = f"trial-{trial.number:04d}{of_seed}"
    study = parent.parent or parent
    return Run(
        kind="trial" if seed is None else "seed",
        id=f"{study.id}-{name.replace('/', '-')}",
        name=name,
        study=ledger.study.name,
        parent=parent,
        trial=trial.number,
        seed=seed,
        parameters={**ledger.study.fixed, **trial.parameters},
        started=trial.started,
        time=trial.started,
    )


def _place(row: _Row) -> int:
    return 2 * int(row["epoch"]) + (row.get(EVALUATED) == 1)


def _clock(row: _Row, before: float) -> float:
    """Returns about when a row was made, from when the one before was: rows have no time."""
    seconds = row.get("seconds")
    return before if row.get(EVALUATED) == 1 or seconds is None or not isfinite(seconds) else before + seconds


def _summary(ledger: LedgerReader, trial: Trial, reached: Reached, seed: int | None) -> dict[str, float]:
    """Returns the figures of a trial's result, or of one seed of it."""
    scale, epochs = ledger.loss_scale, float(ledger.rung(trial.number, reached.rung).epochs)
    if seed is not None:
        loss = reached.losses[seed]
        return {"final": loss, "failed": float(scale.failed(loss)), "epochs": epochs}
    summary = summary_of(list(reached.losses.values()), scale)
    return {
        "score": reached.score,
        "mean": summary.mean,
        "sd": summary.sd,
        "reproducibility": summary.reproducibility,
        "failure_rate": summary.failure_rate,
        "failed_seeds": float(summary.failed),
        "seeds": float(summary.seeds),
        "epochs": epochs,
    }


def _study_summary(ledger: LedgerReader) -> dict[str, float]:
    best = incumbent(standings(ledger, frozenset()))
    found = {"trials": float(len(ledger.trials)), "seed_epochs": float(ledger.spent)}
    if best is not None and best.summary is not None:
        found |= {"best_trial": float(best.number), "best_score": best.score, "best_mean": best.summary.mean}
    return found
