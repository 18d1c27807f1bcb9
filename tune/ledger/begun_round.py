"""A round of a plan, as the decision that began it says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from tune.ledger.records import Decision


@dataclass(frozen=True)
class BegunRound:
    """A round of a plan, as it began.

    Attributes:
        name: Of the round.
        base: Every parameter's value, from which its arms differ.
        carried: The part of it that earlier rounds have found.
        winners: By each round that it is from, the trial that was taken for its winner.
        tied: By each of these rounds, the trials that its winner cannot be told apart from.
        reason: For people.
    """

    name: str
    base: Mapping[str, Any]
    carried: Mapping[str, Any]
    winners: Mapping[str, int]
    tied: Mapping[str, Sequence[int]]
    reason: str

    @classmethod
    def of(cls, decision: Decision) -> Self:
        """Returns the round that a decision of the kind `round` begins."""
        told = decision.detail
        winners = {str(name): int(number) for name, number in told["winners"].items()}
        tied = {str(name): tuple(map(int, numbers)) for name, numbers in told["tied"].items()}
        return cls(str(told["round"]), dict(told["base"]), dict(told["carried"]), winners, tied, decision.reason)
