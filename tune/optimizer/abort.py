"""A study in which nothing can succeed is noticed after its first trials (pure functions)."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from tune.errors import StudyStopped
from tune.ledger.records import Trial
from tune.optimizer.retries import retry

_FIRST = 3


def stop_if_first_trials_die(trials: Sequence[Trial], folder: Path) -> None:
    """Refuses to go on where the first trials all died of one cause.

    Args:
        trials: Of the study, all of them.
        folder: The study's.

    Raises:
        StudyStopped: Says of what, where the rest can be read, and how to go on.
    """
    first = trials[:_FIRST]
    if len(first) == _FIRST and all(trial.ended == "failed" and trial.attempts for trial in first):
        last = [trial.attempts[-1] for trial in first]
        if len({attempt.same for attempt in last}) == 1 and not last[0].of_machines:
            log = f" (log: {last[0].log})" if last[0].log else ""
            again = f"mend it, then: latent-tune resume {shlex.quote(str(folder))} --retry-failed"
            raise StudyStopped(f"the first {_FIRST} trials all died of one cause: {last[0].cause}{log}; {again}")


def first_trials_may_all_die(trials: Sequence[Trial], retries: int) -> bool:
    """Says whether to wait for the first trials before more are started; asked while no trial has a result.

    Those that die end before those that train, so the first to end say nothing about the first: one of these may sit
    on a slow slot. Until it is heard of, more trials would most likely die as well.

    Args:
        trials: Of the study, all of them.
        retries: See `resources.retries`.
    """
    hopeless = [trial for trial in trials if trial.ended == "failed" or retry(trial.counted_attempts, retries).alone]
    last = [trial.attempts[-1] for trial in hopeless if trial.attempts]
    alike = len(last) >= _FIRST and len({attempt.same for attempt in last}) == 1 and not last[0].of_machines
    waited_for = any(trial.ended is None for trial in trials[:_FIRST])
    return waited_for and alike
