"""The arms of a plan, and the trials that train them: one trial may be an arm of several rounds."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from tune.ledger.reader import LedgerReader
from tune.ledger.records import Trial
from tune.study.plan.arms import Arm, Start, arm_key, arms_of
from tune.study.study import Study


@dataclass(frozen=True)
class PlacedArm:
    """An arm, and where it stands.

    Attributes:
        arm: The arm; of a round that has not begun, as if this began from what is known so far.
        trial: The trial that trains it, or has; None while there is none.
        begun: Whether its round has begun.
        of_base: Whether it is the one from which the others of its round differ.
    """

    arm: Arm
    trial: Trial | None
    begun: bool
    of_base: bool


def placed_arms(ledger: LedgerReader) -> list[PlacedArm]:
    """Returns every arm of a plan in the order in which they are trained; those of a search as far as they began."""
    return [one for name in ledger.study.plan for one in arms_in(ledger, name)]


def arms_in(ledger: LedgerReader, name: str) -> list[PlacedArm]:
    """Returns the arms of a round in the order in which they are trained."""
    study, begun = ledger.study, ledger.rounds.get(name)
    of = study.plan[name]
    if of.search is not None:
        return [PlacedArm(_searched(study, one), one, begun=True, of_base=False) for one in trials_of(ledger, name)]
    base = expected_base(ledger, name) if begun is None else begun.base
    there = _by_key(ledger) if begun is not None else {}
    arms = arms_of(name, of, Start(base, study.top.epochs, len(study.seeds)))
    return [PlacedArm(arm, there.get(arm.key), begun is not None, of_base=not place) for place, arm in enumerate(arms)]


def is_over(ledger: LedgerReader, placed: PlacedArm) -> bool:
    """Says whether an arm is trained on all its seeds, or dead."""
    trial = placed.trial
    if trial is None or trial.ended == "failed":
        return trial is not None
    seeds = ledger.seeds(trial.number, len(ledger.study.rungs) - 1)
    return trial.confirmed and not trial.open and len(seeds) + len(trial.given_up) >= placed.arm.seeds


def trials_of(ledger: LedgerReader, name: str) -> list[Trial]:
    """Returns the trials that a round began, in order."""
    return [trial for trial in ledger.trials if trial.round == name]


def expected_base(ledger: LedgerReader, name: str) -> Mapping[str, Any]:
    """Returns what a round begins with as far as is known: what the rounds before it began with."""
    base = dict(ledger.study.base)
    for earlier in ledger.study.plan[name].from_:
        begun = ledger.rounds.get(earlier)
        base |= begun.carried if begun is not None else {}
    return base


def _by_key(ledger: LedgerReader) -> Mapping[Hashable, Trial]:
    """Returns what is trained as a whole; of trials that train the same, the first."""
    found: dict[Hashable, Trial] = {}
    for trial in ledger.trials:
        whole = trial.confirmed or ledger.study.plan[trial.round].search is None
        if whole:
            found.setdefault(arm_key(trial.parameters, ledger.ladder(trial.number)[-1].epochs), trial)
    return found


def _searched(study: Study, trial: Trial) -> Arm:
    """Returns the arm that a trial of a round that searches is."""
    of, top = study.plan[trial.round], trial.ladder[-1]
    changes = {name: trial.parameters[name] for name in of.varied if name in trial.parameters}
    return Arm(trial.round, trial.arm, changes, trial.parameters, top.epochs, top.seeds)
