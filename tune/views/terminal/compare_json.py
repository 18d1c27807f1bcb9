"""`latent-tune compare --json`: the numbers of a comparison, under keys that stay (docs/compare.md)."""

from typing import Any

from tune.scoring.comparison.column import Column
from tune.scoring.comparison.comparison import Comparison
from tune.scoring.comparison.plan import plan_of
from tune.views import wording


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """Returns a comparison as JSON can hold it: what is not known, or not finite, is null."""
    plan, found = plan_of(comparison), comparison.confounding
    first = comparison.columns[0]
    told: dict[str, Any] = {
        "metric": comparison.metric,
        "direction": "maximize" if comparison.maximize else "minimize",
        "below": comparison.question.below,
        "last": comparison.last,
        "differing": {name: list(values) for name, values in comparison.differing.items()},
        "sides": [_side(column, first) for column in comparison.columns],
        "confounded": [{"factors": one.factors, "change_together": one.together} for one in found.aliased],
        "not_confounded": found.clear,
        "not_told_by_all": found.untold,
        "further_runs": [{one.factor: one.value} for one in comparison.further],
        "plan": dict(plan.content) if plan is not None else None,
    }
    plain: dict[str, Any] = wording.plain(told)
    return plain


def _side(column: Column, first: Column) -> dict[str, Any]:
    side, gap = column.side, column.apart
    return {
        "name": side.name,
        "source": side.runs[0].source,
        "runs": [run.key for run in side.runs],
        "seeds": [run.seed for run in side.runs],
        "counted_by": side.axis,
        "configuration": dict(side.configuration),
        "epochs": None if side.epochs is None else {"shortest": side.epochs[0], "longest": side.epochs[1]},
        "values": column.values,
        "learning_rates": column.learning_rates,
        "finals": column.finals,
        "epochs_to_below": column.below,
        "epochs_to_90_percent_of_drop": column.drop,
        "gap_percent": column.gap_percent,
        "last_range": column.spread_range,
        "last_sd": column.spread_sd,
        "last_range_ratio": ratio(column.spread_range, first.spread_range),
        "last_sd_ratio": ratio(column.spread_sd, first.spread_sd),
        "mean_gradient_norm": column.gradient_norms,
        "parameters": column.parameters,
        "samples_per_second": column.samples_per_second,
        "epochs_per_second": column.epochs_per_second,
        "seconds": column.seconds,
        "gpu_hours": column.gpu_hours,
        "failed": column.failed,
        "minus_first": None
        if gap is None
        else {
            "after_epoch": gap.epoch,
            "mean": gap.mean,
            "low": gap.interval[0],
            "high": gap.interval[1],
            "paired_seeds": gap.pairs,
            "better": gap.better,
        },
    }


def ratio(value: float, first: float) -> float:
    """Returns a value by that of the first side; nan where that is 0 or either is not known."""
    return value / first if first > 0 else float("nan")
