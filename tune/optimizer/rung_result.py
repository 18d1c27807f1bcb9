"""What a trial comes to at its rung."""

from collections.abc import Mapping, Sequence
from math import inf, isfinite
from statistics import fmean
from typing import Any

from tune.ledger.loss_scale import LossScale
from tune.ledger.reader import LedgerReader
from tune.ledger.records import Trial
from tune.scoring.score import early_loss, late_loss, restlessness, score

_BEHIND = 100
"""Times the worst loss, for a trial all of whose seeds were lost: one in ten lost weighs more than any other has."""


def rung_result(ledger: LedgerReader, trial: Trial) -> tuple[str, Mapping[str, Any]]:
    """Returns the reason and the detail of the decision that a trial has reached its rung.

    Args:
        ledger: What its seeds trained.
        trial: Every seed of its rung is trained to the rung's epochs, or failed before.
    """
    rung, scale = trial.rung, ledger.loss_scale
    confirmed = rung == len(ledger.study.rungs) - 1
    values = ledger.losses(trial.number, rung)
    scored = rung_score(ledger, trial.number, rung, values, scale)
    failed = sum(map(scale.failed, values.values()))
    detail = {
        "score": scored if isfinite(scored) else None,
        "losses": {str(seed): value if isfinite(value) else None for seed, value in values.items()},
        "confirmed": confirmed,
    }
    verb = "confirmed" if confirmed else f"reached rung {rung}"
    raced = f" on {len(values)} seeds" if trial.seeds else ""
    spread = f", {failed} of {len(values)} seeds failed" if failed else ""
    return f"{verb}{raced} with score {scored:.6g}{spread}", detail


def rung_score(ledger: LedgerReader, trial: int, rung: int, values: Mapping[int, float], scale: LossScale) -> float:
    """Returns the score of a trial at a rung.

    A trial is confirmed by the values after the last epoch; while it may still climb, by what several epochs say.
    Without a baseline, by which a lost seed could be counted, a trial that lost a larger share of its seeds ranks
    behind one that lost a smaller, and among equals the others decide.

    Args:
        ledger: What its seeds trained.
        trial: Its number.
        rung: Index of the rung.
        values: The scored metric by seed there, nan where it is not finite.
        scale: What makes losses of them.
    """
    study = ledger.study
    epochs, confirmed = ledger.rung(trial, rung).epochs, rung == len(study.rungs) - 1

    def losses(curve: Sequence[float]) -> Sequence[float]:
        return [scale.loss(value) for value in curve]

    told = {seed: losses(ledger.told(trial, seed, epochs)) for seed in values}
    judged, unrest = losses(list(values.values())), fmean(map(restlessness, told.values()))
    if not confirmed:
        over = epochs == ledger.rung(trial, len(study.rungs) - 1).epochs
        known = {seed: losses(ledger.known(trial, seed, epochs)) if over else told[seed] for seed in values}
        judged = [
            _provisional(loss, known[seed], scale.limit, over=over) for seed, loss in zip(values, judged, strict=True)
        ]
        unrest = 0.0 if over else unrest  # a mean over several epochs has their rises in it
    if isfinite(scale.limit) or scale.worst is None:
        return scale.score(score(judged, scale.limit, study.score, unrest))
    alive = [loss for loss in judged if isfinite(loss)]
    lost = _BEHIND * scale.worst * (1 - len(alive) / len(judged))
    return scale.score(lost + (score(alive, inf, study.score, unrest) if alive else scale.worst))


def _provisional(loss: float, curve: Sequence[float], limit: float, *, over: bool) -> float:
    """Returns the loss by which a run is judged before its trial is confirmed; a lost one has only its own."""
    if not isfinite(loss):
        return loss
    return late_loss(curve, limit) if over else early_loss(curve)
