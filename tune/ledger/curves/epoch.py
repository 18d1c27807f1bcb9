"""One epoch of some seeds, as its rows in the curves hold it."""

from collections.abc import Sequence

from tune.ledger.curves.history import EVALUATED, GPU_SECONDS, REDONE, EvaluationMark, Metrics


def with_own_columns(
    metrics: Metrics,
    seeds: Sequence[int],
    held_s: float,
    gpus: float,
    evaluation: EvaluationMark,
    *,
    redone: Sequence[int] = (),
) -> Metrics:
    """Returns metrics with the columns that the ledger keeps beside them.

    Args:
        metrics: What the trainer told.
        seeds: Whose.
        held_s: Seconds for which the trial held its slot.
        gpus: How many GPUs it held; where it held some, `gpu_seconds` is each seed's equal share of them.
        evaluation: As in `Ledger.record`.
        redone: As in `Ledger.record`.
    """
    own: dict[str, Sequence[float | None]] = {}
    if gpus:
        own[GPU_SECONDS] = [held_s * gpus / len(seeds)] * len(seeds)
    if evaluation in ("due", "done"):
        own[EVALUATED] = [float(evaluation == "done")] * len(seeds)
    if any(redone):
        own[REDONE] = [float(again) for again in redone]
    return {**metrics, **own}
