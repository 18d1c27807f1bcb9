"""MLflow: a run for the study, below it one for each trial, below that one for each seed."""

import re
from collections.abc import Mapping
from math import isfinite
from time import monotonic
from typing import TYPE_CHECKING, Any

from tune.study.loggers import MLflowOptions
from tune.views.trackers.logger import Run, RunState

if TYPE_CHECKING:
    from mlflow.entities import Metric

ENVIRONMENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_LOGGING_LEVEL": "WARNING"}
"""Before it is imported, where nobody has said otherwise: it reports to its makers else, unasked, and prints much."""

_STUDY, _RUN, _STATE = "latent_tune.study", "latent_tune.run", "latent_tune.state"
_EPOCH = "epoch"
"""The metric that stands with every epoch, last in its batch: its latest value says how far MLflow has a run."""

_STATUS = {"confirmed": "FINISHED", "stopped": "FINISHED", "finished": "FINISHED", "failed": "FAILED"}
_MOST_METRICS, _MOST_PARAMS, _LONGEST, _MOST_RUNS = 1000, 100, 6000, 1000
"""Of one request, and of the value of a parameter: MLflow's own limits; and of a page of runs."""
_FLUSH_S = 1.0
_STRANGE = re.compile(r"[^\w\-. /]")


class MLflowRuns:
    """Tells MLflow of runs; it is asked once what it has of the study.

    What is told carries times that are the same whenever it is told, so that MLflow's database takes it once even where
    an answer was lost. Epochs that follow each other within a second go in one request.

    Args:
        options: Of the study file.

    Raises:
        Exception: Whatever MLflow raises where it cannot be reached.
    """

    def __init__(self, options: MLflowOptions) -> None:
        from mlflow import MlflowClient

        self._client = MlflowClient(tracking_uri=options.tracking_uri)
        self._name, self._experiment = options.experiment, ""
        self._ids: dict[str, str] = {}
        self._has: dict[str, int] = {}
        self._waiting: dict[str, list[Metric]] = {}
        self._sent: dict[str, float] = {}

    def start(self, run: Run) -> int:
        """Finds or makes a run, with its parameters."""
        if not self._experiment:
            self._experiment = self._find_experiment(self._name or run.study)
            self._find_runs(run if run.parent is None else _root(run))
        if run.id in self._ids:
            self._client.update_run(self._ids[run.id], status="RUNNING")
        else:
            made = self._client.create_run(
                self._experiment, start_time=_ms(run.started), tags=self._tags(run), run_name=run.name
            )
            self._ids[run.id] = made.info.run_id
        self._tell_parameters(run)
        return self._has.get(run.id, 0)

    def epoch(self, run: Run, epoch: int, metrics: Mapping[str, float]) -> None:
        """Takes an epoch; it goes at once, or with those that follow within a second."""
        from mlflow.entities import Metric

        told = {_key(name): value for name, value in metrics.items()} | {_EPOCH: float(epoch)}
        waiting = self._waiting.setdefault(run.id, [])
        if len(waiting) + len(told) > _MOST_METRICS:
            self._flush(run)
        waiting = self._waiting.setdefault(run.id, [])
        waiting += [Metric(name, value, _ms(run.time), epoch) for name, value in told.items()]
        self._has[run.id] = epoch
        if monotonic() - self._sent.get(run.id, 0.0) >= _FLUSH_S:
            self._flush(run)

    def end(self, run: Run, state: RunState, summary: Mapping[str, float]) -> None:
        """Tells how a run stands; one that may go on is scheduled, in MLflow's word."""
        from mlflow.entities import Metric, RunTag

        self._flush(run)
        step = int(summary.get("epochs", 0))
        figures = [Metric(f"summary/{_key(name)}", value, _ms(run.time), step) for name, value in summary.items()]
        self._client.log_batch(self._ids[run.id], metrics=figures, tags=[RunTag(_STATE, state)])
        if status := _STATUS.get(state):
            self._client.set_terminated(self._ids[run.id], status=status, end_time=_ms(run.time))
        else:
            self._client.update_run(self._ids[run.id], status="SCHEDULED")

    def close(self) -> None:
        """Does nothing: what waits belongs to runs that were not ended, and is told by whoever goes on with them."""

    def _flush(self, run: Run) -> None:
        waiting = self._waiting.pop(run.id, [])
        for start in range(0, len(waiting), _MOST_METRICS):
            self._client.log_batch(self._ids[run.id], metrics=waiting[start : start + _MOST_METRICS])
        self._sent[run.id] = monotonic()

    def _find_experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is None:
            return str(self._client.create_experiment(name))
        if found.lifecycle_stage != "active":
            raise ValueError(f"the experiment {name!r} was deleted; restore it in MLflow, or name another one")
        return str(found.experiment_id)

    def _find_runs(self, study: Run) -> None:
        """Asks which runs of the study are there, and how far."""
        page: str | None = ""
        while page is not None:
            of_study = f"tags.`{_STUDY}` = '{study.id}'"
            found = self._client.search_runs(
                [self._experiment], of_study, max_results=_MOST_RUNS, page_token=page or None
            )
            for one in found:
                name = one.data.tags.get(_RUN, "")
                self._ids[name] = one.info.run_id
                self._has[name] = int(one.data.metrics.get(_EPOCH, 0))
            page = found.token or None

    def _tags(self, run: Run) -> dict[str, Any]:
        tags = {_STUDY: _root(run).id, _RUN: run.id, _STATE: "running", "latent_tune.kind": run.kind}
        tags |= {
            f"latent_tune.{name}": str(one) for name in ("trial", "seed") if (one := getattr(run, name)) is not None
        }
        if run.parent is not None:
            tags["mlflow.parentRunId"] = self._ids[run.parent.id]
        return tags

    def _tell_parameters(self, run: Run) -> None:
        from mlflow.entities import Param, RunTag

        own = {} if run.seed is None else {"seed": run.seed}
        params = [Param(_key(name), str(value)[:_LONGEST]) for name, value in {**run.parameters, **own}.items()]
        for start in range(0, len(params), _MOST_PARAMS):
            self._client.log_batch(self._ids[run.id], params=params[start : start + _MOST_PARAMS])
        self._client.log_batch(self._ids[run.id], tags=[RunTag(_STATE, "running")])


def _root(run: Run) -> Run:
    return run if run.parent is None else _root(run.parent)


def _ms(seconds: float) -> int:
    return int(seconds * 1000) if isfinite(seconds) else 0


def _key(name: str) -> str:
    """Returns a name as MLflow takes it."""
    return _STRANGE.sub("_", name)[:250] or "_"
