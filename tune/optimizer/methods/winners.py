"""What a round of a plan has found: the arm that later rounds begin from, and why that one."""

from collections.abc import Sequence
from dataclasses import dataclass

from tune.ledger.arms import arms_in
from tune.ledger.reader import LedgerReader
from tune.scoring.standings import rank, tied

_MOST_NAMED = 3


@dataclass(frozen=True)
class Winner:
    """The arm of a round that later ones begin from.

    Attributes:
        trial: Its number.
        tied: The trials of the round that it cannot be told apart from, best first.
        reason: In words: which, and what was decided where several are tied.
    """

    trial: int
    tied: Sequence[int]
    reason: str


def winner_of(ledger: LedgerReader, name: str) -> Winner | None:
    """Returns the winner of a round; None where no arm of it has a seed that did not fail.

    It is the first by the order in which every view shows trials (`tune.scoring.standings`), among the arms that
    train for as many epochs, and on as many seeds, as the round says: longer ones are not ranked with shorter ones, nor
    many seeds with few. Where others are tied with it, one is carried on nevertheless, and the reason says so.
    """
    of, study = ledger.study.plan[name], ledger.study
    full = of.epochs or study.top.epochs, of.seeds or len(study.seeds)
    placed = (one for one in arms_in(ledger, name) if (one.arm.epochs, one.arm.seeds) == full)
    there = {one.trial.number: one.arm for one in placed if one.trial is not None}
    ranked = rank(ledger, [ledger.trials[number] for number in there if ledger.trials[number].confirmed])
    best = next((one for one in ranked if one.summary and one.summary.failed < one.summary.seeds), None)
    if best is None:
        return None
    alike = [one.number for one in tied(best, ranked, ledger.loss_scale)]
    said = f"from {name} the setting of {there[best.number].name} (trial {best.number})"
    if alike:
        names = ", ".join(f"{there[number].name} (trial {number})" for number in alike[:_MOST_NAMED])
        names += f" and {len(alike) - _MOST_NAMED} more" if len(alike) > _MOST_NAMED else ""
        said += f", tied over its seeds with {names}; the first by score and safety is carried on"
    return Winner(best.number, alike, said)
