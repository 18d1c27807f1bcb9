"""What a sweep with one seed would have chosen, and what that would have cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from statistics import fmean

from tune.scoring.score import counted_loss, has_failed
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
        expected: Its mean loss over all its seeds, a failed one counted as in the score; inf without a baseline.
        winners: The same of the winner.
        failed: The seeds on which the chosen one fails.
    """

    seed: int
    candidates: int
    seed_epochs: int
    chosen: Standing
    loss: float
    expected: float
    winners: float
    failed: tuple[int, ...]


def one_seed_choices(results: Results) -> list[OneSeedChoice]:
    """Returns the choice for every seed on which two trials or more trained in full; empty before there is a winner."""
    best, ledger, epochs = results.best, results.ledger, results.study.top.epochs
    if best is None or best.state != "confirmed":
        return []
    found = []
    for seed in best.losses:
        there = [one for one in results.ranked if len(ledger.curve(one.number, seed)) >= epochs]
        full = [(ledger.loss(one.number, seed, epochs), one) for one in there]
        alive = [(loss, one) for loss, one in full if not has_failed(loss, results.baseline)]
        if len(full) < 2 or not alive:
            continue
        loss, chosen = min(alive, key=lambda pair: pair[0])
        found.append(
            OneSeedChoice(
                seed=seed,
                candidates=len(full),
                seed_epochs=len(full) * epochs,
                chosen=chosen,
                loss=loss,
                expected=expected_loss(results, chosen),
                winners=expected_loss(results, best),
                failed=failed_seeds(chosen.losses, results.baseline),
            )
        )
    return found


def expected_loss(results: Results, standing: Standing) -> float:
    """Returns a trial's mean loss over all its seeds, a failed one counted as in the score."""
    cap = results.study.score.cap
    losses = [counted_loss(loss, results.baseline, cap) for loss in standing.losses.values()]
    return fmean(losses) if losses and all(map(isfinite, losses)) else inf


def worst_choice(choices: Sequence[OneSeedChoice], best: Standing) -> OneSeedChoice | None:
    """Returns the choice that would have cost most; None when every seed would have chosen the winner."""
    others = [choice for choice in choices if choice.chosen.number != best.number]
    return max(others, key=lambda choice: (choice.expected, -choice.seed), default=None)
