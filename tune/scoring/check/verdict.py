"""All items of a check, and what they come to."""

from collections.abc import Iterable, Sequence

from tune.scoring.check.demands import demands
from tune.scoring.check.items import Evidence, Item, Verdict
from tune.scoring.check.learning import learning
from tune.scoring.check.soundness import soundness


def judged(evidence: Evidence) -> list[Item]:
    """Returns every item of a check, in the order in which it is read."""
    return [*soundness(evidence), *learning(evidence), *demands(evidence)]


def verdict_of(items: Sequence[Item]) -> Verdict:
    """Returns the worst of the items; unknown ones do not count."""
    found = {item.verdict for item in items}
    return "no-go" if "no-go" in found else "warning" if "warning" in found else "go"


def in_words(verdict: Verdict, items: Iterable[Item]) -> str:
    """Returns a verdict as a sentence without a point."""
    said = list(items)
    if verdict == "no-go":
        return f"no-go: {', '.join(item.name for item in said if item.verdict == 'no-go')}"
    warned = [item.name for item in said if item.verdict == "warning"]
    return f"go, with warnings: {', '.join(warned)}" if warned else "go"
