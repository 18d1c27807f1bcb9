"""The study in TensorBoard: one row per trial in HParams, curves per seed, bands per trial, its file and its best."""

import shutil
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from math import inf, isfinite, nan
from typing import Any

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams.metadata import SESSION_START_INFO_TAG

from tune.ledger.curves.history import EVALUATED, REDONE
from tune.ledger.reader import LedgerReader
from tune.ledger.records import Decision, Reached, Trial
from tune.ledger.storage.disk_space import vanished
from tune.scoring.measured import summary_of
from tune.scoring.standings import incumbent, standings
from tune.views.changes import Newsreader, TrialChanges
from tune.views.tensorboard.bands import Bands
from tune.views.tensorboard.hparams import experiment, session_end, session_start
from tune.views.tensorboard.root_run import CHARTS_TAG, INCUMBENT_TAG, charts, incumbent_page, study_page
from tune.views.tensorboard.run_files import EventRun, SeedRun
from tune.views.tensorboard.thinning import Point

SLICE_S = 0.05
"""How long a call of `refresh` works, in seconds, when there is much to do."""

_PACED = 100  # times what it took: the best trial is looked for again then, which is at most 1 % of a core
_KEY = ("trial", "seed", "epoch", EVALUATED, REDONE)
_GROUPS = {
    "grad_norm": "optimisation/grad_norm",
    "learning_rate": "optimisation/learning_rate",
    "seconds": "speed/seconds_per_epoch",
    "samples_per_second": "speed/samples_per_second",
    "iterations": "speed/iterations_per_epoch",
    "effective_rank": "features/effective_rank",
    "effective_rank_share": "features/effective_rank_share",
    "feature_variance": "features/variance",
    "feature_cosine": "features/cosine",
}


def tag_of(metric: str) -> str:
    """Returns the tag under which a curve column is shown: `loss/validation` for `validation_loss`."""
    if metric.endswith("_loss"):
        return f"loss/{metric.removesuffix('_loss')}"
    if metric.startswith("gpu_"):
        return f"machine/{metric}"  # a group that stands after the losses
    return _GROUPS.get(metric, f"metric/{metric}")


def group_of(trial: int) -> str:
    """Returns the name of a trial in TensorBoard: of its group of sessions, and of the run with its bands."""
    return f"trial-{trial:04d}"


class TensorBoard:
    """Keeps `tensorboard/` in step with the ledger: an experiment at its root, a run per trial and one per seed of it.

    How its state evolves: made → `refresh()` appends what the ledger has that is not there yet, for a slice of time →
    … → `close()` appends all the rest. Everything is made from the ledger; what is there already is read, trial by
    trial as they come up, and only what is missing is appended: a TensorBoard that is open meanwhile holds the files,
    and would not see others in their place. A folder that another version wrote, or whose experiment has other columns
    or ranges, is emptied.

    The step is the epoch. A result stands at that of its rung; but more seeds after as many epochs, from a higher rung
    or from the final race, change the score and what else is said of the whole trial: that stands a step after the
    result before. What is said of one seed after as many epochs does not change and is written once. The score is that
    of the trial's own seeds: what tables charge for failures of its neighbours changes with every other trial.

    Curves are thinned, see `Thinning`. The band of a trial over its seeds is that of its latest result, from the first
    epoch on, in a file of its own that the next result replaces.

    A loss that is not finite is drawn as NaN in its curve. In HParams, which averages, it is left out of the losses
    and counts in the failure rate. Where seeds failed and too few are left to know the reproducibility, its upper bound
    stands there, one minus the failure rate: TensorBoard's plots leave out rows with a gap, and it is the failures that
    must be seen. A trial's status is unknown while it trains, because TensorBoard believes the first status that it
    reads: success when it is confirmed or stopped, failure when it died, running when it is unfinished as the process
    ends.

    Args:
        ledger: The study's memory.
        thorough: Whether to check what is there against its checksums, and to write again what is damaged.
        slice_s: How long `refresh` may work, in seconds; it takes the news of one trial at least, a
            thousand rows of them.
    """

    def __init__(self, ledger: LedgerReader, *, thorough: bool = False, slice_s: float = SLICE_S) -> None:
        self.folder, self._ledger = ledger.folder / "tensorboard", ledger
        self._thorough, self._slice_s = thorough, slice_s
        self._reader, self._news = Newsreader(ledger), deque[TrialChanges]()
        self._runs: dict[tuple[int, int], SeedRun] = {}
        self._changed: dict[EventRun, None] = {}
        self._bands, self._banded = Bands(thorough=thorough), dict[int, tuple[Sequence[int], float]]()
        self._steps: dict[int, int] = {}  # by trial, of its latest result
        self._waits: dict[int, dict[tuple[int, float], int]] = {}  # to the first seed that waited
        self._results = self._ranked_of = 0
        self._ranked_at, self._ranking_s = -inf, 0.0
        self._root = self._begin()

    def refresh(self) -> None:
        """Appends what is new; while that is much, as after a start, as much as fits into a slice of time."""
        until = time.perf_counter() + self._slice_s
        if self._catch_up(until):
            self._show_incumbent(paced=True)
        self._write()

    def close(self) -> None:
        """Appends all that is missing, and says of unfinished trials that they are."""
        self._catch_up(inf)
        self._show_incumbent(paced=False)
        self._write()
        if not vanished(self._ledger.folder):
            last = self._ledger.decisions[-1].time
            for run in self._runs.values():
                if not run.ended:
                    run.leave(last, session_end("unfinished", last))

    def _begin(self) -> EventRun:
        """Returns the run at the root; a folder that does not begin with this experiment is emptied."""
        created = self._ledger.decisions[0].time if self._ledger.decisions else 0.0
        described = experiment(self._ledger.study, self._metrics(), created)
        root = EventRun(self.folder, thorough=self._thorough)
        if self.folder.exists() and root.first != described:
            shutil.rmtree(self.folder)
            root = EventRun(self.folder)
        grown = [decision.time for decision in self._ledger.decisions if decision.kind == "grow"]
        self._put_page(root, created, 0, described)
        self._put_page(root, max(grown, default=created), len(grown), study_page(self._ledger.study))
        self._write()
        return root

    def _metrics(self) -> dict[str, str]:
        scored = self._ledger.study.score.metric
        losses = {"validation loss" if scored == "validation_loss" else scored: "trial/loss"}
        if scored != "test_loss":
            losses["test loss"] = "trial/test_loss"
        names = ("failure_rate", "reproducibility", "epochs", "seconds")
        return {"score": "trial/score", **losses, **{name.replace("_", " "): f"trial/{name}" for name in names}}

    def _catch_up(self, until: float) -> bool:
        """Takes the news of one trial after another; says whether it took all that there are in time."""
        looked = False
        while self._news or not looked:
            if not self._news:
                self._news, looked = deque(self._reader.read()), True
                continue
            self._take(self._news.popleft())
            if time.perf_counter() >= until:
                return looked and not self._news
        return True

    def _take(self, news: TrialChanges) -> None:
        trial = self._ledger.trials[news.trial]
        for row in news.rows:
            if row["seed"] in self._ledger.study.seeds:
                self._take_row(trial, row)
        for decision in news.decisions:
            self._take_decision(trial, decision)
        self._write()
        # The trial may be ahead of its news, so that it ended says nothing without the decision; nor that without it,
        # where the study has grown and the trial goes on.
        if trial.ended is not None and news.decisions and news.decisions[-1].kind in ("stop", "fail"):
            self._waits.pop(trial.number, None)
            self._bands.drop(trial.number)

    def _take_row(self, trial: Trial, row: dict[str, Any]) -> None:
        run, epoch, evaluated = self._run(trial, row["seed"]), row["epoch"], row.get(EVALUATED) == 1
        if epoch <= run.epochs - evaluated:  # trained again after a kill, with the same result
            return
        run.epochs = epoch
        values = {name: value for name, value in row.items() if name not in _KEY and value is not None}
        if "seconds" in values:
            place = self._ledger.study.seeds.index(row["seed"])
            waits, wait = self._waits.setdefault(trial.number, {}), (epoch, values["seconds"])
            waits[wait] = min(place, waits.get(wait, place))
            run.clock += values["seconds"]
        if "test_loss" in values:
            run.tests[epoch] = values["test_loss"]
        for metric in values.keys() & {self._ledger.study.score.metric, "train_loss"}:
            self._bands.add(trial.number, row["seed"], epoch, metric, values[metric])
        self._lay_out(values)
        told = {tag_of(name): value for name, value in values.items()}
        points = [(epoch, run.clock, told)] if evaluated else run.thinning.add(epoch, run.clock, told)
        self._put_points(run, points)

    def _take_decision(self, trial: Trial, decision: Decision) -> None:
        if decision.kind in ("start", "promote", "race"):
            for seed in self._ledger.seeds(trial.number, decision.rung or 0):
                self._run(trial, seed)
        elif decision.kind == "reach" and decision.rung is not None:
            self._take_result(trial, Reached.of(decision), decision.time)  # the trial's own may be a later one
        elif decision.kind == "stop" and trial.ended == "stopped":  # not where the study has grown, and it goes on
            self._end(trial, self._ledger.study.seeds, "stopped", decision.time)
        elif decision.kind == "fail":
            self._end(trial, decision.detail.get("seeds") or self._ledger.study.seeds, "failed", decision.time)

    def _take_result(self, trial: Trial, reached: Reached, time: float) -> None:
        scale = self._ledger.loss_scale
        summary = summary_of(list(reached.losses.values()), scale)
        epochs = self._ledger.rung(trial.number, reached.rung).epochs
        step = self._steps[trial.number] = max(epochs, self._steps.get(trial.number, 0) + 1)
        seconds = self._spent(trial, reached, epochs)
        steady = summary.reproducibility
        if summary.failed and not isfinite(steady):
            steady = 1 - summary.failure_rate
        of_trial = {"score": reached.score, "reproducibility": steady, "seconds": seconds}
        for seed, loss in reached.losses.items():
            run = self._run(trial, seed)
            if run.judged < epochs:
                run.judged = epochs
                of_seed = {
                    "loss": loss,
                    "test_loss": run.tests.get(epochs, nan),
                    "failure_rate": float(scale.failed(loss)),
                    "epochs": float(epochs),
                }
                self._put_figures(run, time, epochs, of_seed)
            self._put_figures(run, time, step, of_trial)
        self._results += 1
        self._banded[trial.number] = list(reached.losses), time
        if reached.rung == len(self._ledger.study.rungs) - 1:  # the last one once may not be so in a longer ladder
            self._end(trial, reached.losses, "confirmed", time)

    def _run(self, trial: Trial, seed: int) -> SeedRun:
        """Returns the run of a seed of a trial, which has begun."""
        key = (trial.number, seed)
        if key not in self._runs:
            group = group_of(trial.number)
            rungs = {rung.epochs for rung in self._ledger.ladder(trial.number)}
            run = SeedRun(self.folder / group / f"seed-{seed}", trial.started, rungs, thorough=self._thorough)
            self._runs[key] = run
            if not run.holds(SESSION_START_INFO_TAG):
                begin = session_start(self._ledger.study, trial, group)
                self._put_page(run, trial.started, 0, begin)
        return self._runs[key]

    def _end(self, trial: Trial, seeds: Iterable[int], status: str, time: float) -> None:
        """Ends the sessions of those of these seeds that have one which has not ended."""
        for run in [self._runs[trial.number, seed] for seed in seeds if (trial.number, seed) in self._runs]:
            if status in ("stopped", "failed"):
                self._put_points(run, run.thinning.flush())
            if not run.ended:
                self._put_page(run, time, run.epochs, session_end(status, time))

    def _spent(self, trial: Trial, reached: Reached, epochs: int) -> float:
        """Returns the seconds up to a rung; equal ones of one epoch are seeds that trained together, counted once."""
        waits = self._waits.get(trial.number, {}).items()
        return sum(wait for (epoch, wait), place in waits if epoch <= epochs and place < len(reached.losses)) or nan

    def _lay_out(self, values: Mapping[str, float]) -> None:
        """Lays the custom scalars out when it is known what there is to show."""
        if self._root.holds(CHARTS_TAG):
            return
        scored = self._ledger.study.score.metric
        losses = list(dict.fromkeys([scored, *(name for name in ("train_loss",) if name in values)]))
        shown = [*losses, *(name for name in values if name == "grad_norm" or name.startswith("gpu_"))]
        begun = self._ledger.decisions[0].time
        self._put_page(self._root, begun, 0, charts(losses, [tag_of(name) for name in shown]))

    def _show_incumbent(self, *, paced: bool) -> None:
        """Shows the best trial where it is another one, or says something else; paced: not too often."""
        now, results = time.perf_counter(), self._results
        if results == self._ranked_of or (paced and now - self._ranked_at < _PACED * self._ranking_s):
            return
        best = incumbent(standings(self._ledger, frozenset()))
        decided = len(self._ledger.decisions)
        page = incumbent_page(self._ledger, best)
        if page.value[0].tensor != self._root.pages.get(INCUMBENT_TAG):
            self._put_page(self._root, self._ledger.decisions[-1].time, decided, page)
        self._ranked_of, self._ranked_at, self._ranking_s = results, now, time.perf_counter() - now

    def _put_points(self, run: EventRun, points: Iterable[Point]) -> None:
        for epoch, clock, values in points:
            self._put(run, clock, epoch, values)

    def _put_figures(self, run: EventRun, time: float, step: int, figures: Mapping[str, float]) -> None:
        """Writes what HParams shows of a session; what is not finite is left out."""
        self._put(run, time, step, {f"trial/{name}": one for name, one in figures.items() if isfinite(one)})

    def _put(self, run: EventRun, time: float, step: int, values: Mapping[str, float]) -> None:
        run.put(time, step, values)
        self._changed[run] = None

    def _put_page(self, run: EventRun, time: float, step: int, page: Summary) -> None:
        run.put_page(time, step, page)
        self._changed[run] = None

    def _write(self) -> None:
        if vanished(self._ledger.folder):  # it is not to come back as a folder of views
            return
        for run in list(self._changed):
            run.write()
            del self._changed[run]  # each by itself, so that none is written twice when the disk is full in between
        for number in list(self._banded):
            seeds, at = self._banded[number]
            self._bands.show(self.folder / group_of(number), self._steps[number], number, seeds, at)
            del self._banded[number]
