"""The study in TensorBoard: one row per trial in HParams, curves per seed."""

import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite, nan
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from tune.callbacks.event_file import append_events
from tune.callbacks.hparams import experiment, session_end, session_start
from tune.ledger import Decision, Ledger, Trial
from tune.ledger.records import Reached
from tune.ledger.rows import known_rows
from tune.ledger.runs import EVALUATED
from tune.ledger.space_left import vanished
from tune.ledger.tail import CurveTail
from tune.scoring import has_failed, summarize
from tune.standings import scored_baseline

_KEY = ("trial", "seed", "epoch", EVALUATED)
_GROUPS = {
    "grad_norm": "optimisation/grad_norm",
    "learning_rate": "optimisation/learning_rate",
    "seconds": "speed/seconds_per_epoch",
    "samples_per_second": "speed/samples_per_second",
}


def tag_of(metric: str) -> str:
    """Returns the tag under which a curve column is shown: `loss/validation` for `validation_loss`."""
    if metric.endswith("_loss"):
        return f"loss/{metric.removesuffix('_loss')}"
    if metric.startswith("gpu_"):
        return f"gpu/{metric.removeprefix('gpu_')}"
    return _GROUPS.get(metric, f"metric/{metric}")


class TensorBoard:
    """Keeps `tensorboard/` in step with the ledger: an experiment at its root, a run per trial and seed.

    How its state evolves: made → the folder is emptied → `refresh()` appends what the ledger has that is not there yet
    → `close()`. Everything is made from the ledger, so resuming a study never writes a step twice.

    The step is the epoch. A result stands at that of its rung; but more seeds after as many epochs, from a higher rung
    or from the final race, change the score and what else is said of the whole trial: that stands a step after the
    result before. What is said of one seed after as many epochs does not change and is written once. The score is that
    of the trial's own seeds: what tables charge for failures of its neighbours changes with every other trial.

    A loss that is not finite is drawn as NaN in its curve. In HParams, which averages, it is left out of the losses
    and counts in the failure rate. Where seeds failed and too few are left to know the reproducibility, its upper bound
    stands there, one minus the failure rate: TensorBoard's plots leave out rows with a gap, and it is the failures that
    must be seen. A trial's status is unknown while it trains, because TensorBoard believes the first
    status that it reads: success when it is confirmed or stopped, failure when it died, running when it is unfinished
    as the process ends.

    Args:
        ledger: The study's memory.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.folder, self._ledger = ledger.folder / "tensorboard", ledger
        self._tail = CurveTail(ledger.folder / "curves")
        self._told = 0
        self._ended: set[tuple[int, int]] = set()
        self._steps: dict[int, int] = {}  # by trial, of its latest result
        self._results: dict[tuple[int, int], int] = {}  # by run, the epoch of its latest result
        self._epochs: dict[tuple[int, int], int] = {}
        self._tests: dict[tuple[int, int, int], float] = {}
        self._waits: dict[int, dict[tuple[int, float], int]] = defaultdict(dict)  # to the first seed that waited
        self._clocks: dict[tuple[int, int], float] = {}  # about when a run's latest row was made: rows have no time
        self._events: dict[Path, list[Event]] = defaultdict(list)
        if self.folder.exists():
            shutil.rmtree(self.folder)
        created = ledger.decisions[0].time if ledger.decisions else 0.0
        self._put(self.folder, created, 0, experiment(ledger.study, self._metrics(), created))
        self._write()

    def refresh(self) -> None:
        """Appends what is new."""
        decisions = self._ledger.decisions[self._told :]  # before the rows: what these rest on is then among them
        self._told += len(decisions)
        for row in self._rows():
            self._take_row(row)
        for decision in decisions:
            self._take_decision(decision)
        self._write()

    def close(self) -> None:
        """Appends what is new, and says of unfinished trials that they are."""
        self.refresh()
        for trial in self._ledger.trials:
            self._end(trial, self._ledger.study.seeds, "unfinished", self._ledger.decisions[-1].time)
        self._write()

    def _metrics(self) -> dict[str, str]:
        scored = self._ledger.study.score.metric
        losses = {"validation loss" if scored == "validation_loss" else scored: "trial/loss"}
        if scored != "test_loss":
            losses["test loss"] = "trial/test_loss"
        names = ("failure_rate", "reproducibility", "epochs", "seconds")
        return {"score": "trial/score", **losses, **{name.replace("_", " "): f"trial/{name}" for name in names}}

    def _rows(self) -> Iterator[dict[str, Any]]:
        seeds = self._ledger.study.seeds
        known = len(self._ledger.trials)  # a ledger that is only read may be behind the curves
        for table in self._tail.read():
            yield from (row for row in known_rows(table, known).to_pylist() if row["seed"] in seeds)

    def _take_row(self, row: dict[str, Any]) -> None:
        trial, run = self._ledger.trials[row["trial"]], (row["trial"], row["seed"])
        evaluated = row.get(EVALUATED) == 1
        if row["epoch"] <= self._epochs.get(run, 0) - evaluated:  # trained again after a kill, with the same result
            return
        self._session(trial, row["seed"])
        self._epochs[run] = row["epoch"]
        if row.get("seconds") is not None:
            place = self._ledger.study.seeds.index(row["seed"])
            waits, wait = self._waits[trial.number], (row["epoch"], row["seconds"])
            waits[wait] = min(place, waits.get(wait, place))
        if row.get("test_loss") is not None:
            self._tests[*run, row["epoch"]] = row["test_loss"]
        values = [
            Summary.Value(tag=tag_of(name), simple_value=value)
            for name, value in row.items()
            if name not in _KEY and value is not None
        ]
        begun = self._clocks.get(run, trial.started)
        self._clocks[run] = begun + (row.get("seconds") or 0.0)
        self._put(self._run(*run), self._clocks[run], row["epoch"], Summary(value=values))

    def _take_decision(self, decision: Decision) -> None:
        if decision.trial is None:
            return
        trial = self._ledger.trials[decision.trial]
        if decision.kind in ("start", "promote", "race"):
            for seed in self._ledger.seeds(trial.number, decision.rung or 0):
                self._session(trial, seed)
        elif decision.kind == "reach" and decision.rung is not None:
            self._take_result(trial, Reached.of(decision), decision.time)  # the trial's own may be a later one
        elif decision.kind == "stop" and trial.ended == "stopped":  # not where the study has grown, and it goes on
            self._end(trial, self._ledger.study.seeds, "stopped", decision.time)
        elif decision.kind == "fail":
            self._end(trial, self._ledger.study.seeds, "failed", decision.time)

    def _take_result(self, trial: Trial, reached: Reached, time: float) -> None:
        baseline = scored_baseline(self._ledger)
        summary = summarize(list(reached.losses.values()), baseline)
        epochs = self._ledger.study.rungs[reached.rung].epochs
        step = self._steps[trial.number] = max(epochs, self._steps.get(trial.number, 0) + 1)
        seconds = self._spent(trial, reached, epochs)
        steady = summary.reproducibility
        if summary.failed and not isfinite(steady):
            steady = 1 - summary.failure_rate
        of_trial = {"score": reached.score, "reproducibility": steady, "seconds": seconds}
        for seed, loss in reached.losses.items():
            run = (trial.number, seed)
            if self._results.get(run, 0) < epochs:
                self._results[run] = epochs
                of_seed = {
                    "loss": loss,
                    "test_loss": self._tests.get((*run, epochs), nan),
                    "failure_rate": float(has_failed(loss, baseline)),
                    "epochs": float(epochs),
                }
                self._put_figures(run, time, epochs, of_seed)
            self._put_figures(run, time, step, of_trial)
        if reached.rung == len(self._ledger.study.rungs) - 1:  # the last one once may not be so in a longer ladder
            self._end(trial, reached.losses, "confirmed", time)

    def _session(self, trial: Trial, seed: int) -> None:
        run = (trial.number, seed)
        if run not in self._epochs:
            self._epochs[run] = 0
            begin = session_start(self._ledger.study, trial.parameters, _group(trial.number), trial.started)
            self._put(self._run(*run), trial.started, 0, begin)

    def _end(self, trial: Trial, seeds: Iterable[int], status: str, time: float) -> None:
        """Ends the sessions of those of these seeds that have one which has not ended."""
        if status in ("stopped", "failed"):
            self._waits.pop(trial.number, None)
        for run in ((trial.number, seed) for seed in seeds):
            if run in self._epochs and run not in self._ended:
                self._ended.add(run)
                self._put(self._run(*run), time, self._epochs[run], session_end(status, time))

    def _spent(self, trial: Trial, reached: Reached, epochs: int) -> float:
        """Returns the seconds up to a rung; equal ones of one epoch are seeds that trained together, counted once."""
        waits = self._waits[trial.number].items()
        return sum(wait for (epoch, wait), place in waits if epoch <= epochs and place < len(reached.losses)) or nan

    def _run(self, trial: int, seed: int) -> Path:
        return self.folder / _group(trial) / f"seed-{seed}"

    def _put_figures(self, run: tuple[int, int], time: float, step: int, figures: Mapping[str, float]) -> None:
        """Writes what HParams shows of a session; what is not finite is left out."""
        values = [
            Summary.Value(tag=f"trial/{name}", simple_value=value) for name, value in figures.items() if isfinite(value)
        ]
        self._put(self._run(*run), time, step, Summary(value=values))

    def _put(self, run: Path, time: float, step: int, summary: Summary) -> None:
        self._events[run].append(Event(wall_time=time, step=step, summary=summary))

    def _write(self) -> None:
        if vanished(self._ledger.folder):  # it is not to come back as a folder of views
            return
        for run in list(self._events):
            append_events(run, self._events[run])
            del self._events[run]  # each by itself, so that none is written twice when the disk is full in between


def _group(trial: int) -> str:
    return f"trial-{trial:04d}"
