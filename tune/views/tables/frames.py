"""Trials, curves and decisions as DataFrames, whose columns `tune.views.tables.columns` describes."""

import json
from collections.abc import Sequence
from math import isfinite, nan
from typing import TYPE_CHECKING, Any

from tune.scoring.collapse import COLUMNS
from tune.scoring.measured import interval_of
from tune.scoring.standings import Standing
from tune.study.space import Choice, IntRange
from tune.views.results import Results, failed_seeds
from tune.views.tables.columns import CURVES, DECISIONS, TRIALS
from tune.views.wording import plain

if TYPE_CHECKING:
    import pandas as pd


def trials_frame(results: Results) -> "pd.DataFrame":
    """Returns a row per trial, best first; parameters as columns of their own, after the others."""
    import pandas as pd

    ranked = results.ranked
    columns: dict[str, Sequence[Any]] = {
        "trial": [one.number for one in ranked],
        "state": [one.state for one in ranked],
        "rung": [one.rung for one in ranked],
        "epochs": [one.epochs for one in ranked],
        "seeds": [len(one.losses) for one in ranked],
        "failed": [len(failed_seeds(one.losses, results.scale)) for one in ranked],
        "score": [one.score if isfinite(one.score) else nan for one in ranked],
        "mean": [one.summary.mean if one.summary else nan for one in ranked],
        "sd": [one.summary.sd if one.summary else nan for one in ranked],
        "low": [interval(results, one)[0] for one in ranked],
        "high": [interval(results, one)[1] for one in ranked],
        "seed_epochs": [one.seed_epochs for one in ranked],
        "seconds": [results.seconds.get(one.number, nan) for one in ranked],
        **_features(results),
        "arm": [one.trial.full_name for one in ranked],
        "reason": [one.trial.reason for one in ranked],
    }
    frame = pd.DataFrame({name: pd.Series(values, dtype=TRIALS[name].dtype) for name, values in columns.items()})
    for name, parameter in results.study.space.items():
        values = [one.trial.parameters.get(name) for one in ranked]
        frame[name if name not in frame.columns else f"parameter_{name}"] = pd.Series(
            values, dtype=_dtype(parameter, values)
        )
    return frame


def curves_frame(results: Results) -> "pd.DataFrame":
    """Returns a row per trial, seed and epoch, in this order; each metric of the trainer is a column."""
    import pandas as pd

    columns = {name: results.curves[name].to_numpy() for name in results.curves.column_names}
    known = {name: one.dtype for name, one in CURVES.items() if name in columns}
    return pd.DataFrame(columns).astype({name: known.get(name, "float64") for name in columns})


def decisions_frame(results: Results) -> "pd.DataFrame":
    """Returns a row per decision, in their order."""
    import pandas as pd

    decisions = results.ledger.decisions
    columns: dict[str, Any] = {
        "decision": range(len(decisions)),
        "time": pd.to_datetime([one.time for one in decisions], unit="s", utc=True).astype(DECISIONS["time"].dtype),
        "kind": [one.kind for one in decisions],
        "trial": [one.trial for one in decisions],
        "rung": [one.rung for one in decisions],
        "reason": [one.reason for one in decisions],
        "detail": [json.dumps(plain(dict(one.detail)), allow_nan=False) for one in decisions],
    }
    return pd.DataFrame({name: pd.Series(values, dtype=DECISIONS[name].dtype) for name, values in columns.items()})


def interval(results: Results, one: Standing) -> tuple[float, float]:
    """Returns the 95% interval of a trial's mean, over the seeds that did not fail; nan where there are none."""
    alive = [loss for loss in one.losses.values() if not results.scale.failed(loss)]
    return interval_of(alive, results.scale, results.study.score) if alive else (nan, nan)


def _features(results: Results) -> dict[str, list[float]]:
    known = [results.features.get(one.number) for one in results.ranked]
    figures = [(of.effective_rank, of.share, of.variance, of.cosine) if of else (nan,) * 4 for of in known]
    return {name: [values[place] for values in figures] for place, name in enumerate(COLUMNS)}


def _dtype(parameter: Any, values: Sequence[Any]) -> str:
    """Returns the dtype of a parameter's column: one that has room for values that are not there."""
    if isinstance(parameter, IntRange):
        return "Int64"
    if not isinstance(parameter, Choice):
        return "float64"
    kinds = {type(value).__name__ for value in values if value is not None}
    only = kinds.pop() if len(kinds) == 1 else ""
    return {"bool": "boolean", "int": "Int64", "float": "float64", "str": "str"}.get(only, "object")
