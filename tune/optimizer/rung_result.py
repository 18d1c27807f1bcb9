"""What a trial comes to at its rung."""

from collections.abc import Mapping, Sequence
from math import isfinite
from statistics import fmean
from typing import Any

from tune.ledger.ledger import Ledger
from tune.ledger.records import Trial
from tune.scoring.score import early_loss, has_failed, late_loss, restlessness, score


def rung_result(ledger: Ledger, trial: Trial, baseline: float) -> tuple[str, Mapping[str, Any]]:
    """Returns the reason and the detail of the decision that a trial has reached its rung.

    A trial is confirmed by the losses after the last epoch; while it may still climb, by what several epochs say.

    Args:
        ledger: What its seeds trained.
        trial: Every seed of its rung is trained to the rung's epochs, or failed before.
        baseline: The constant model's loss in the scored metric.
    """
    study, rung = ledger.study, trial.rung
    epochs, confirmed = study.rungs[rung].epochs, rung == len(study.rungs) - 1
    losses = ledger.losses(trial.number, rung)
    curves = {seed: ledger.told(trial.number, seed, epochs) for seed in losses}
    judged, unrest = list(losses.values()), fmean(map(restlessness, curves.values()))
    if not confirmed:
        over = epochs == study.top.epochs
        known = {seed: ledger.known(trial.number, seed, epochs) if over else curves[seed] for seed in losses}
        judged = [_provisional(loss, known[seed], baseline, over=over) for seed, loss in losses.items()]
        unrest = 0.0 if over else unrest  # a mean over several epochs has their rises in it
    value = score(judged, baseline, study.score, unrest)
    failed = sum(has_failed(loss, baseline) for loss in losses.values())
    detail = {
        "score": value if isfinite(value) else None,
        "losses": {str(seed): loss if isfinite(loss) else None for seed, loss in losses.items()},
        "confirmed": confirmed,
    }
    verb = "confirmed" if confirmed else f"reached rung {rung}"
    raced = f" on {len(losses)} seeds" if trial.seeds else ""
    spread = f", {failed} of {len(losses)} seeds failed" if failed else ""
    return f"{verb}{raced} with score {value:.6g}{spread}", detail


def _provisional(loss: float, curve: Sequence[float], baseline: float, *, over: bool) -> float:
    """Returns the loss by which a run is judged before its trial is confirmed; a lost one has only its own."""
    if not isfinite(loss):
        return loss
    return late_loss(curve, baseline) if over else early_loss(curve)
