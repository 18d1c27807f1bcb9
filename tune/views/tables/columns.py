"""What the columns of the tables are: their dtype in pandas, and their meaning in words."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        dtype: In pandas.
        meaning: In words, with units and what a missing value means.
    """

    dtype: str
    meaning: str


TRIALS: Mapping[str, Column] = {
    "trial": Column("int64", "its number, which it keeps for ever"),
    "state": Column("str", "running, waiting, paused, confirmed, stopped or failed"),
    "rung": Column("Int64", "the highest rung that it reached, from 0; missing before the first"),
    "epochs": Column("int64", "epochs of each seed at that rung; 0 before the first"),
    "seeds": Column("int64", "seeds at that rung; 0 before the first"),
    "failed": Column("int64", "how many of these failed: not finite, or no better than the baseline"),
    "score": Column("float64", "what trials are ranked by, lower is better; missing where nothing finite can be said"),
    "mean": Column("float64", "the scored metric at that rung, mean over the seeds that did not fail"),
    "sd": Column("float64", "its sample standard deviation over these seeds"),
    "low": Column("float64", "lower end of the 95% interval of the mean; missing with too few seeds"),
    "high": Column("float64", "its upper end"),
    "seed_epochs": Column("int64", "epochs trained so far, summed over seeds"),
    "seconds": Column("float64", "spent on it, in seconds; missing where the trainer tells none"),
    "effective_rank": Column(
        "float64", "of its features, mean over seeds as last measured; missing where the trainer has no `features()`"
    ),
    "effective_rank_share": Column("float64", "the same as a share of the dimensions; below 0.1 is a collapse"),
    "feature_variance": Column("float64", "variance of a dimension of its features, mean over dimensions and seeds"),
    "feature_cosine": Column("float64", "cosine similarity of two samples' features, mean over pairs and seeds"),
    "arm": Column("str", "of a plan, the round that began it and its name there, as `optimizer/fast`; empty otherwise"),
    "reason": Column("str", "why it stands where it does: the reason of the latest decision about it"),
}
"""Before the parameters, one column each; one whose name is taken is called `parameter_NAME`."""

CURVES: Mapping[str, Column] = {
    "trial": Column("int32", "the trial's number"),
    "seed": Column("int64", "the seed"),
    "epoch": Column("int32", "from 1"),
    "gpu_seconds": Column("float64", "this seed's share of the time for which the trial held GPUs, times the GPUs"),
    "evaluated": Column("float64", "1 where the trainer's own evaluation followed this epoch, 0 where it is to come"),
    "effective_rank": Column("float64", "how many directions the features spread over, at the end of a rung"),
    "effective_rank_share": Column("float64", "the same as a share of the dimensions"),
    "feature_variance": Column("float64", "variance of a dimension of the features, mean over dimensions"),
    "feature_cosine": Column("float64", "cosine similarity of two samples' features, mean over pairs"),
    "epochs_redone": Column("float64", "known epochs of this seed that were trained again to come to this one"),
}
"""Beside the metrics that the trainer yields, each a column of float64; missing: unknown. The first three always."""

DECISIONS: Mapping[str, Column] = {
    "decision": Column("int64", "its place in the study's history, from 0"),
    "time": Column("datetime64[ns, UTC]", "when it was written"),
    "kind": Column(
        "str", "open, close, accept, grow, pack, start, rescale, reach, promote, race, attempt, fail, retry, stop"
    ),
    "trial": Column("Int64", "which trial it is about; missing where it is about the study"),
    "rung": Column("Int64", "which rung it is about"),
    "reason": Column("str", "why, in words"),
    "detail": Column("str", "the rest of it, as JSON"),
}
