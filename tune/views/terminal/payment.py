"""What was promised of a study, what it came to and what of that was lost, as `status --json` has it."""

from typing import Any

from tune.views.lost_work import Loss, LostWork
from tune.views.promise import Promise


def promise_keys(promise: Promise | None) -> dict[str, Any] | None:
    """Returns a promise as plain values; None where there is none."""
    if promise is None:
        return None
    measures = {
        name: {"estimate": [one.low, one.median, one.high], "bill": one.bill, "inside": one.inside}
        for name, one in promise.measures.items()
    }
    per_confirmed = {name: {"estimate": told, "bill": bill} for name, (told, bill) in promise.per_confirmed.items()}
    return {
        "session": promise.session,
        "outgrown": promise.outgrown,
        "measures": measures,
        "per_confirmed": per_confirmed,
    }


def lost_keys(lost: LostWork, price: float | None) -> dict[str, Any]:
    """Returns what was lost as plain values: all together, then by cause.

    Args:
        lost: Of the study.
        price: Of a GPU-hour, in any currency; None where nobody said.
    """
    causes = {one.cause: _loss_keys(one, price) for one in lost.losses}
    return {"share_of": lost.unit, **_loss_keys(lost.whole, price), "causes": causes, "untimed_deaths": lost.deaths}


def _loss_keys(loss: Loss, price: float | None) -> dict[str, Any]:
    hours = loss.gpu_seconds / 3600
    return {
        "share": loss.share,
        "seed_epochs_redone": loss.redone,
        "seed_epochs_died": loss.died,
        "seconds": loss.seconds,
        "gpu_hours": hours,
        "money": None if price is None else hours * price,
    }
