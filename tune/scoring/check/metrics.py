"""What metrics say by being told: is the scored one there where it is needed, and are two splits' the same?"""

from collections.abc import Iterator, Mapping, Sequence

from tune.scoring.check.items import Evidence, Item, curve
from tune.scoring.check.measured import Epoch, Probed

_DISTINCT = 3  # values from which equal curves are no coincidence: an accuracy of few rows is often the same


def is_coarse(pairs: Sequence[tuple[Mapping[int, float], Mapping[int, float]]]) -> bool:
    """Says whether curves have so few values that two of them may be equal by chance."""
    return len({value for one, _ in pairs for value in one.values()}) < _DISTINCT


def metric_told(evidence: Evidence) -> Item:
    """Returns whether the scored metric is told where rungs end; one that is told every few epochs is no mistake."""
    name, metric, whole = "metric told", evidence.metric, evidence.whole
    ends = {rung.epochs for rung in evidence.study.rungs}
    every_few = any(_has(epoch, metric) for epoch in whole.epochs) and not all(
        _has(epoch, metric) for epoch in whole.epochs
    )
    for one in evidence.of("whole", "climb", "corner", "second_half"):
        if one.died or not one.epochs or _told_at_last(one, metric):
            continue
        reached = {epoch.number: _has(epoch, metric) for epoch in one.epochs if epoch.number in ends}
        if every_few and (any(reached.values()) or not reached):
            continue
        last = one.epochs[-1]
        known = ", ".join(sorted({*last.metrics, *(one.evaluation or {})})) or "nothing"
        beyond = ", beyond the first rung" if one.purpose == "climb" else ""
        at = max(reached, default=last.number) if every_few else last.number
        where = f"epoch {at}{beyond}"
        advice = f"tell {metric} in the last epoch of every rung, or set score.metric to one that is told"
        return Item(name, "no-go", f"{metric} is not told in {where}; told are: {known}", metric, advice)
    if every_few and not any(_has(epoch, metric) for epoch in whole.epochs if epoch.number in ends):
        told = ", ".join(str(epoch.number) for epoch in whole.epochs if _has(epoch, metric))
        return Item(name, "go", f"{metric} is told in epochs {told} of {len(whole.epochs)}")
    climbed = evidence.first("climb")
    reach = ""
    if climbed is not None and climbed.epochs and _told_at_last(climbed, metric):
        reach = f" and in epoch {climbed.epochs[-1].number} of the next rung"
    return Item(name, "go", f"{metric} is told at the first rung{reach}")


def _has(epoch: Epoch, metric: str) -> bool:
    """Says whether every seed has a value of a metric."""
    values = epoch.metrics.get(metric)
    return values is not None and all(value is not None for value in values)


def _told_at_last(one: Probed, metric: str) -> bool:
    """Says whether a training told a metric in its last epoch, or in the evaluation after it."""
    values = (one.evaluation or {}).get(metric)
    return _has(one.epochs[-1], metric) or (values is not None and None not in values)


def splits(evidence: Evidence) -> Item:
    """Returns whether what is trained on, chosen by and tested on is apart, as far as rows and values tell."""
    name, whole = "splits", evidence.whole
    names = [metric for epoch in whole.epochs[-1:] for metric in (*epoch.metrics, *(whole.evaluation or {}))]
    for one, other in _named_apart(names):
        pairs = [(curve(whole, seed, one), curve(whole, seed, other)) for seed in whole.seeds]
        if all(first and first == second for first, second in pairs) and not is_coarse(pairs):
            advice = "they are of the same data: evaluate on rows that chose nothing"
            return Item(name, "no-go", f"{one} and {other} are the same in every epoch and seed", "", advice)
    if whole.overlaps is None:
        return Item(name, "unknown", "the trainer does not say what its splits are (`splits`)")
    found = {pair: share for pair, share in whole.overlaps.items() if share > 0}
    if not found:
        return Item(name, "go", f"no row lies in two splits ({len(whole.overlaps)} pairs)")
    told = ", ".join(f"{share:.1%} of {pair}" for pair, share in sorted(found.items(), key=lambda one: -one[1]))
    worst = max(found.values())
    advice = "make the splits disjoint: what was trained on cannot say how well a model predicts"
    return Item(name, "no-go" if worst > 0.5 else "warning", f"rows lie in two splits: {told}", "none", advice)


def _named_apart(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yields metrics that by their names are one measure of two splits: `validation_loss` and `test_loss`."""
    words = ("train", "training"), ("validation", "valid", "val"), ("test",)
    said = {name: _split_of(name, words) for name in names}
    for index, one in enumerate(names):
        for other in names[index + 1 :]:
            first, second = said[one], said[other]
            if first and second and first[0] != second[0] and first[1] == second[1]:
                yield one, other


def _split_of(name: str, words: Sequence[Sequence[str]]) -> tuple[int, str] | None:
    parts = name.replace("/", "_").replace("-", "_").replace(".", "_").lower().split("_")
    for place, alike in enumerate(words):
        if any(part in alike for part in parts):
            return place, "_".join(part for part in parts if part not in alike)
    return None
