"""What a check came to: its items, its verdict, and what the study is expected to take, as plain data and back."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, Self, get_args

from tune.ledger.reader import LedgerReader
from tune.scoring.check.items import Item, Verdict
from tune.scoring.check.verdict import in_words, verdict_of

_WORDS = ("name", "measured", "asked", "advice")
_BOUNDS = ("wall_clock_s", "seed_epochs", "trials", "confirmed", "disk_bytes", "gpu_hours", "energy_kwh", "money")


@dataclass(frozen=True)
class Checked:
    """A check of a study.

    Attributes:
        study: Its name.
        driver: On which driver the study is meant to run: inline or ray.
        slots: How many trials at once.
        trainings: How many short trainings were done.
        seconds: How long it took.
        at: When it ended, in seconds since the epoch.
        items: What was found, in the order in which it is read.
        estimate: What the whole study is expected to take: by name `[low, median, high]`, an 80 % interval, of
            `wall_clock_s`, `seed_epochs`, `confirmed`, `gpu_hours`, `money`; None where it is not known.
        made_of: A digest of the study, so that the check of another is not taken for this one's.
    """

    study: str
    driver: str
    slots: int
    trainings: int
    seconds: float
    at: float
    items: Sequence[Item]
    estimate: Mapping[str, Any] | None = None
    made_of: str = ""

    @property
    def verdict(self) -> Verdict:
        """The worst of its items: go, warning or no-go."""
        return verdict_of(self.items)

    @property
    def said(self) -> str:
        """The verdict in words."""
        return in_words(self.verdict, self.items)

    @property
    def plain(self) -> dict[str, Any]:
        """It as plain values; `verdict` and `said` beside the attributes."""
        return {
            **asdict(self),
            "items": [asdict(item) for item in self.items],
            "verdict": self.verdict,
            "said": self.said,
        }

    @classmethod
    def of(cls, plain: object) -> Self | None:
        """Returns the check that plain values are of; None where they are of none, or of another version's."""
        try:
            given = dict(plain) if isinstance(plain, Mapping) else {}
            known = {name: given[name] for name in cls.__dataclass_fields__ if name in given}
            items = [Item(**one) for one in known.pop("items")]
            found = cls(items=items, **known)
        except (KeyError, TypeError, ValueError):
            return None
        return found if _whole(found) else None


def _whole(found: Checked) -> bool:
    """Says whether everything is of the kind that whoever shows it takes it for: a file may have been damaged."""
    words = [found.study, found.driver, found.made_of, *(getattr(one, name) for one in found.items for name in _WORDS)]
    return (
        all(isinstance(word, str) for word in words)
        and all(one.verdict in get_args(Verdict) for one in found.items)
        and all(_finite(number) for number in (found.slots, found.trainings, found.seconds, found.at))
        and (found.estimate is None or _is_estimate(found.estimate))
    )


def _is_estimate(given: Mapping[str, Any]) -> bool:
    options = given.get("options", {}) if isinstance(given, Mapping) else None
    return isinstance(options, Mapping) and all(map(_has_bounds, (given, *options.values())))


def _has_bounds(given: object) -> bool:
    """Says whether whatever is told of an estimate is three finite numbers each."""
    if not isinstance(given, Mapping):
        return False
    bounds = [given[name] for name in _BOUNDS if given.get(name) is not None]
    return all(isinstance(each, list | tuple) and len(each) == 3 and all(map(_finite, each)) for each in bounds)


def _finite(number: object) -> bool:
    return isinstance(number, int | float) and isfinite(number)


def check_of(ledger: LedgerReader) -> Checked | None:
    """Returns the check that was made before a study began, as its first process kept it; None where there was none."""
    found = (Checked.of(session.detail.get("check")) for session in ledger.sessions)
    return next((one for one in found if one is not None), None)
