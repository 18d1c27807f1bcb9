"""What stands in the database is checked before it is believed: another program, or damage, may have changed it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

from pydantic import TypeAdapter

from tune.errors import UserMistake
from tune.ledger.records import Decision, Trial
from tune.study.settings.conditions import existing
from tune.study.study import Study

_DECISION = TypeAdapter(Decision)
_BASELINE = TypeAdapter(dict[str, float] | None)
LATEST_S = 1e11
"""Seconds since the epoch, in the year 5138: what is later is no time, and no calendar takes it."""

_NONSENSE = (AssertionError, LookupError, TypeError, ValueError, AttributeError, RecursionError)


def replay(
    decisions: Iterable[Decision],
    study: Callable[[], Study],
    trials: Sequence[Trial],
    apply: Callable[[Decision], None],
) -> None:
    """Applies decisions one after the other.

    Args:
        decisions: As they stand in the database.
        study: The study, as the decisions so far left it.
        trials: What the decisions so far made; it grows as they are applied.
        apply: Takes over one decision.

    Raises:
        UserMistake: If one does not follow from those before it.
    """
    shown = "number 1"
    try:
        for place, decision in enumerate(decisions, 1):
            shown = f"number {place} ({decision.kind} of trial {decision.trial})"
            _check(_DECISION.validate_python(vars(decision)), study(), len(trials))
            apply(decision)
            shown = f"number {place + 1}"
    except _NONSENSE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserMistake(
            f"study {study().name}: of the decisions in its database {shown} cannot be: {reason}; the database is "
            "damaged or was changed by another program; put a copy of it back, or run the study in another folder "
            "(--results DIR)"
        ) from error


def checked_baseline(value: Any, study: Study) -> dict[str, float] | None:
    """Returns the baseline that a database remembers.

    Raises:
        UserMistake: If it is none.
    """
    try:
        return _BASELINE.validate_python(value)
    except ValueError as error:
        raise UserMistake(
            f"study {study.name}: the baseline in its database must be one number by metric, got {value!r:.60}; the "
            "database is damaged or was changed by another program; put a copy of it back"
        ) from error


def _is_setting(parameters: dict[str, Any], study: Study) -> bool:
    """Says whether there is a value of each parameter that exists, and of no other."""
    every = {**dict.fromkeys(study.space), **parameters}
    return parameters.keys() == existing(study.space, every).keys()


def _check_start(told: Mapping[str, Any], study: Study) -> None:
    parameters = told["parameters"]
    if type(parameters) is not dict:
        raise ValueError(f"parameters must be a mapping, got {parameters!r:.60}")
    if not all(_is_setting(one, study) for one in told.get("refused", ())):
        raise ValueError(f"refused settings must have the parameters of the space, {sorted(study.space)}")
    if told.get("round", "") not in (study.plan or [""]):
        raise ValueError(f"the plan has no round {told['round']!r:.60}")
    if len(told.get("ladder", study.rungs)) != len(study.rungs):
        raise ValueError(f"its ladder has {len(told['ladder'])} rungs, the study {len(study.rungs)}")


def _check(decision: Decision, study: Study, trials: int) -> None:
    """Raises ValueError if a decision cannot be taken in a study with so many trials."""
    placed = [float(decision.detail.get(name, 0)) for name in ("zero", "worst")]
    if not abs(decision.time) < LATEST_S or not all(map(isfinite, placed)):
        raise ValueError(f"its time is {decision.time}, its zero and worst {placed}")
    if decision.kind == "pack" and not all(int(one["trials"]) >= 0 for one in decision.detail["gpus"].values()):
        raise ValueError(f"trials on each GPU must be 0 or more, got {decision.detail['gpus']!r:.60}")
    if decision.kind == "round" and decision.detail["round"] not in study.plan:
        raise ValueError(f"the plan has no round {decision.detail['round']!r:.60}")
    if decision.kind not in ("open", "close", "accept", "grow", "pack", "rescale", "round"):
        _check_of_trial(decision, study, trials)


def _check_of_trial(decision: Decision, study: Study, trials: int) -> None:
    if decision.trial is None or not 0 <= decision.trial < trials + (decision.kind == "start"):
        raise ValueError(f"there are {trials} trials")
    if decision.rung is not None and not 0 <= decision.rung < len(study.rungs):
        raise ValueError(f"there are {len(study.rungs)} rungs, got rung {decision.rung}")
    if decision.kind == "start":
        _check_start(decision.detail, study)
    if decision.kind == "race" and not 0 <= int(decision.detail["seeds"]) <= len(study.seeds):
        raise ValueError(f"there are {len(study.seeds)} seeds, got {decision.detail['seeds']}")
    seeds = decision.detail.get("seeds", ()) if decision.kind == "fail" else ()
    strange = [seed for seed in (*decision.detail.get("losses", ()), *seeds) if int(seed) not in study.seeds]
    if strange:
        raise ValueError(f"the study has no seed {strange[0]}")
