"""How many trials may be begun before the results of others are known (pure functions)."""

from math import ceil

from tune.study.study import Study

_UNSEEN = 0.02  # of the planned trials; docs/search.md says what more would cost


def startup_trials(study: Study) -> int:
    """Returns how many trials a sampler wants to see before it is asked; a short study cannot spend ten on chance."""
    return min(10, max(1, study.trials // 3))


def most_pending(study: Study, number: int) -> int | None:
    """Returns how many trials without a result may be in training when one more begins; None: any number.

    Suggestions made at once know nothing of each other's results. Where seed-epochs are limited they cost as much as
    better ones, so with many slots some wait. Not where seed-epochs are not limited, nor where a suggestion rests on no
    results: where the study names it, in a grid or a random search, and while a sampler begins at random.

    Args:
        study: Its budget and method.
        number: Of the trial that would begin.
    """
    paid, search = study.paid_trials, study.search
    if paid is None or search.halving == "stop" or search.method not in ("tpe", "gp"):
        return None
    if number < max(len(search.enqueue), startup_trials(study)):
        return None
    return ceil(_UNSEEN * min(study.trials, paid))
