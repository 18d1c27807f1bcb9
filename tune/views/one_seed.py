"""What a sweep with one seed would have chosen, and what that would have cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from statistics import fmean

from tune.scoring.score import counted_loss
from tune.scoring.standings import Standing
from tune.views.results import Results, failed_seeds


@dataclass(frozen=True)
class OneSeedChoice:
    """What a sweep with one seed would have chosen among the trials that trained in full on it.

    Attributes:
        seed: The seed.
        candidates: How many trials trained in full on it.
        seed_epochs: What their training on it took.
        chosen: The one with the lowest loss.
        loss: Its loss with that seed, which the sweep would have published.
        seeds: Those that it and the winner both have; what follows is of these alone.
        expected: Its mean loss over them, a failed one counted as in the score; inf without a baseline.
        winners: The same of the winner.
        failed: Those on which the chosen one fails.
        complete: Whether these are all seeds of both.
    """

    seed: int
    candidates: int
    seed_epochs: int
    chosen: Standing
    loss: float
    seeds: tuple[int, ...]
    expected: float
    winners: float
    failed: tuple[int, ...]
    complete: bool


def one_seed_choices(results: Results) -> list[OneSeedChoice]:
    """Returns the choice for every seed on which two trials or more trained in full; empty before there is a winner."""
    best, ledger, epochs = results.best, results.ledger, results.study.top.epochs
    if best is None or best.state != "confirmed":
        return []
    found = []
    for seed in best.losses:
        alike = (one for one in results.ranked if ledger.ladder(one.number)[-1].epochs == epochs)
        there = [one for one in alike if len(ledger.curve(one.number, seed)) >= epochs]
        full = [(ledger.loss(one.number, seed, epochs), one) for one in there]
        alive = [(loss, one) for loss, one in full if not results.scale.failed(loss)]
        if len(full) < 2 or not alive:
            continue
        loss, chosen = min(alive, key=lambda pair: results.scale.loss(pair[0]))
        its, winners = _losses(results, chosen), _losses(results, best)
        shared = tuple(one for one in its if one in winners)
        found.append(
            OneSeedChoice(
                seed=seed,
                candidates=len(full),
                seed_epochs=len(full) * epochs,
                chosen=chosen,
                loss=loss,
                seeds=shared,
                expected=_expected_loss(results, [its[one] for one in shared]),
                winners=_expected_loss(results, [winners[one] for one in shared]),
                failed=failed_seeds({one: its[one] for one in shared}, results.scale),
                complete=its.keys() == winners.keys(),
            )
        )
    return found


def _losses(results: Results, standing: Standing) -> Mapping[int, float]:
    """Returns a trial's loss after a full training by seed; of one that was not confirmed, where it had that."""
    epochs = results.study.top.epochs
    if standing.epochs == epochs:
        return standing.losses
    curves = {seed: results.ledger.curve(standing.number, seed) for seed in results.study.seeds}
    return {seed: curve[epochs - 1] for seed, curve in curves.items() if len(curve) >= epochs}


def _expected_loss(results: Results, losses: Sequence[float]) -> float:
    """Returns a mean in which a failed seed counts as in the score; inf where that is not finite."""
    scale = results.scale
    counted = [counted_loss(scale.loss(value), scale.limit, results.study.score.cap) for value in losses]
    return scale.value(fmean(counted)) if counted and all(map(isfinite, counted)) else inf


def worst_choice(choices: Sequence[OneSeedChoice], best: Standing) -> OneSeedChoice | None:
    """Returns the choice that would have cost most; None when every seed would have chosen the winner."""
    others = [choice for choice in choices if choice.chosen.number != best.number]
    return max(others, key=lambda choice: (choice.expected, -choice.seed), default=None)
