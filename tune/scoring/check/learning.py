"""Does it learn? The loss, spikes and divergence, the schedule, learning rates, and whether features collapse."""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from statistics import fmean, median

from tune.scoring.check.items import Evidence, Item, curve, setting_of
from tune.scoring.check.measured import Probed

_SPIKE = 1.5
"""So many times the lowest loss so far, and more than the loss had fallen by then, is a spike."""

_NORMS = ("gradient_norm", "grad_norm", "train_grad_norm", "gradient_norm_mean")
_RATES = ("learning_rate", "lr", "train_learning_rate")
_FEATURES = ("effective_rank", "effective_rank_share", "feature_cosine")
"""Columns of the curves, see `tune.scoring.collapse`."""

_EXPLODED = 10.0
_TOLD = 3


def learning(evidence: Evidence) -> Iterator[Item]:
    """Yields the items that ask whether the training learns."""
    if evidence.whole.died:
        return
    yield _loss_drop(evidence)
    yield _divergence(evidence)
    yield _deaths(evidence)
    yield _spikes(evidence)
    yield _gradient_norm(evidence)
    yield _schedule(evidence)
    if (rates := _learning_rate(evidence)) is not None:
        yield rates
    yield _collapse(evidence)


def _loss_drop(evidence: Evidence) -> Item:
    name, asked = "loss drop", evidence.study.check.loss_drop
    found, epochs = evidence.drop(evidence.whole), len(evidence.whole.epochs)
    if found is None:
        return Item(name, "unknown", f"{evidence.metric} is not known for two epochs")
    told = f"{evidence.metric} fell by {found:.0%} in {epochs} epochs" if found > 0 else "it did not fall"
    if evidence.study.score.maximize and found > 0:
        told = f"{evidence.metric} rose by {found:.0%} in {epochs} epochs"
    wanted = f"at least {asked:.0%}"
    if found >= asked:
        return Item(name, "go", told, wanted)
    others = [drop for one in evidence.of("corner", "rate") if (drop := evidence.drop(one)) is not None]
    if found <= 0 and max(others, default=0.0) <= 0:
        tried = f" at any of {1 + len(others)} settings" if others else ""
        advice = "look at score.direction, the learning rates of the space, and whether the optimizer has the weights"
        return Item(name, "no-go", f"{evidence.metric} did not get better in {epochs} epochs{tried}", wanted, advice)
    advice = "give the first rung more epochs, or the space higher learning rates"
    return Item(name, "warning", told, wanted, advice)


def _divergence(evidence: Evidence) -> Item:
    name = "divergence"
    found = [(one, seeds) for one in _alive(evidence) if (seeds := _diverged(evidence, one))]
    if not found:
        return Item(name, "go", f"finite at {len(_alive(evidence))} settings and seeds")
    whole = evidence.whole
    told = "; ".join(
        f"{setting_of(one, whole)}: {len(seeds)} of {len(one.seeds)} seeds in epoch {min(seeds.values())}"
        for one, seeds in found[:_TOLD]
    )
    middle = _diverged(evidence, whole)
    if len(middle) == len(whole.seeds):
        advice = "take lower learning rates, clip gradients, or look for a division by zero"
        return Item(name, "no-go", f"not finite in the middle of the space: {told}", "", advice)
    advice = "such trials count as failed and cost little; narrow the space where it is known to diverge"
    return Item(name, "warning", f"not finite at {told}", "", advice)


def _alive(evidence: Evidence) -> list[Probed]:
    return [one for one in evidence.of("whole", "corner", "rate") if one.epochs]


def _diverged(evidence: Evidence, probed: Probed) -> dict[int, int]:
    """Returns the seeds of which a value was not finite, and in which epoch first."""
    found: dict[int, int] = {}
    for seed in probed.seeds:
        wrong = [epoch for epoch, value in evidence.losses(probed, seed).items() if not isfinite(value)]
        if wrong:
            found[seed] = min(wrong)
    return found


def _deaths(evidence: Evidence) -> Item:
    """Returns what is said of settings that died; for want of memory is another item."""
    name, tried = "settings", evidence.of("whole", "corner", "rate", "climb")
    died = [one for one in tried if one.died and one.kind != "out_of_memory"]
    if not died:
        return Item(name, "go", f"{len(tried)} trainings at the middle and the ends of the space came to their end")
    told = "; ".join(f"{setting_of(one, evidence.whole)}: {one.died}" for one in died[:_TOLD])
    advice = "have `check_config` refuse what cannot be trained, take it out of the space, or exclude it by `where`"
    return Item(name, "warning", f"{len(died)} of {len(tried)} died: {told}", "none", advice)


def _spikes(evidence: Evidence) -> Item:
    name = "spikes"
    seen: list[str] = []
    for one in evidence.of("whole", "climb"):
        for seed in one.seeds:
            values = {epoch: loss for epoch, loss in evidence.losses(one, seed).items() if isfinite(loss)}
            seen += [f"seed {seed} in epoch {epoch} ({rise})" for epoch, rise in _rises(values)]
    found = [*dict.fromkeys(seen)]
    if not found:
        return Item(name, "go", f"none in {len(evidence.whole.epochs)} epochs")
    advice = "warm up for longer or lower the rate; a rung that ends in a spike judges the spike"
    return Item(name, "warning", f"{evidence.metric} spikes: {', '.join(found[:_TOLD])}", "none", advice)


def _rises(values: Mapping[int, float]) -> Iterator[tuple[int, str]]:
    """Yields the epochs of spikes, and how far each rose above the lowest value before."""
    lowest = first = None
    for epoch, value in sorted(values.items()):
        if lowest is not None and first is not None:
            fallen = first - lowest
            above = value - lowest
            if above > max(fallen, (_SPIKE - 1) * abs(lowest)) and above > 0:
                yield epoch, f"{lowest:.3g} to {value:.3g}"
        first = value if first is None else first
        lowest = value if lowest is None else min(lowest, value)


def _gradient_norm(evidence: Evidence) -> Item:
    name, told = "gradient norm", _named(evidence.whole, _NORMS)
    if told is None:
        return Item(name, "unknown", f"not told; a metric called {_NORMS[0]} is looked at")
    curves = [[*curve(evidence.whole, seed, told).values()] for seed in evidence.whole.seeds]
    if any(not isfinite(value) for of_seed in curves for value in of_seed):
        return Item(name, "warning", f"{told} is not finite", "finite", "clip gradients, or lower the learning rate")
    growth = max((_growth(of_seed) for of_seed in curves if len(of_seed) > 1), default=1.0)
    values = [value for of_seed in curves for value in of_seed]
    seen = f"{told} {min(values):.2g} to {max(values):.2g}" if values else f"{told} is not known"
    wanted = f"the last third of the epochs within {_EXPLODED:.0f} times the first"
    if growth > _EXPLODED:
        advice = "set gradients to zero before each step, clip them, or lower the learning rate"
        return Item(name, "warning", f"{seen}: it grows {growth:.0f} times", wanted, advice)
    return Item(name, "go", seen, wanted)


def _growth(values: Sequence[float]) -> float:
    """Returns how many times the first third of the values the last third is, by their medians."""
    third = max(1, len(values) // 3)
    first = median(values[:third])
    return median(values[-third:]) / first if first > 0 else 1.0


def _named(probed: Probed, names: Sequence[str]) -> str | None:
    known = {metric for epoch in probed.epochs for metric in epoch.metrics}
    return next((name for name in names if name in known), None)


def _schedule(evidence: Evidence) -> Item:
    name, told = "schedule", _named(evidence.whole, _RATES)
    rungs, asked = evidence.study.rungs, evidence.study.check.schedule_left
    if told is None:
        return Item(name, "unknown", f"not told; a metric called {_RATES[0]} is looked at")
    longest = max(evidence.of("whole", "climb"), key=lambda one: len(one.epochs))
    rates = curve(longest, longest.seeds[0], told)
    at = max((epoch for epoch in rates if epoch <= rungs[0].epochs), default=None)
    if at is None or not max(rates.values()) > 0:
        return Item(name, "unknown", f"{told} is not known")
    share = rates[at] / max(rates.values())
    seen = f"after {at} of {rungs[-1].epochs} epochs the rate is at {share:.0%} of its highest"
    if share < asked and rungs[0].epochs < rungs[-1].epochs:
        advice = (
            "early rungs judge another schedule than the full training's: let it depend on the epochs of the full "
            "training, not of the rung, or give the first rung more epochs"
        )
        return Item(name, "warning", f"{seen}: early rungs judge another schedule", f"at least {asked:.0%}", advice)
    return Item(name, "go", seen, f"at least {asked:.0%}")


def _learning_rate(evidence: Evidence) -> Item | None:
    """Returns in which range of the learning rate the loss falls; None where the space has none."""
    parameter = _rate_parameter(evidence)
    if parameter is None:
        return None
    fell: dict[float, bool] = {}
    for one in evidence.of("whole", "corner", "rate"):
        own = {key for key, value in one.parameters.items() if evidence.whole.parameters.get(key) != value}
        rate = one.parameters.get(parameter)
        if own <= {parameter} and isinstance(rate, int | float):
            drop = evidence.drop(one)
            fell[float(rate)] = drop is not None and drop > 0 and not one.died and not _diverged(evidence, one)
    falling = sorted(rate for rate, falls in fell.items() if falls)
    name = "learning rate"
    if len(fell) < 2:
        return Item(name, "unknown", "there was no time for others than the middle")
    told = ", ".join(f"{rate:.3g} {'falls' if falls else 'does not'}" for rate, falls in sorted(fell.items()))
    if len(falling) * 2 <= len(fell):
        advice = f"search {parameter} where the loss falls"
        where = f" (between {falling[0]:.3g} and {falling[-1]:.3g})" if falling else ""
        return Item(name, "warning", f"in most of its range the loss does not fall{where}: {told}", "", advice)
    return Item(name, "go", f"the loss falls between {falling[0]:.3g} and {falling[-1]:.3g}: {told}")


def _rate_parameter(evidence: Evidence) -> str | None:
    rates = [one for one in evidence.of("rate") if one.parameters]
    for one in rates:
        for key, value in one.parameters.items():
            if evidence.whole.parameters.get(key) != value:
                return key
    return None


def _collapse(evidence: Evidence) -> Item:
    name, asked = "collapse", evidence.study.check.effective_rank
    found = [(row, one) for one in evidence.probed for row in _spectra(one)]
    if not found:
        return Item(name, "unknown", "the trainer has no features()")
    (rank, share, cosine), one = min(found, key=lambda pair: pair[0][1])
    mean = fmean(row[1] for row, _ in found)
    told = (
        f"effective rank {rank:.1f} of {rank / share:.0f} dimensions ({share:.0%}, {mean:.0%} on average)"
        if share
        else "all samples have the same features"
    )
    told += f", mean cosine similarity {cosine:.2f}"
    wanted = f"at least {asked:.0%} of the dimensions"
    if share < asked:
        at = setting_of(one, evidence.whole)
        advice = "features lie in few directions: raise the weight of a variance term, or lower the dimension"
        return Item(name, "warning", f"{told}, at {at}", wanted, advice)
    return Item(name, "go", f"{told} at the least", wanted)


def _spectra(probed: Probed) -> list[tuple[float, float, float]]:
    """Returns effective rank, its share of the dimensions and cosine similarity of each seed in its last epoch."""
    last = {**probed.epochs[-1].metrics, **(probed.evaluation or {})} if probed.epochs else {}
    rows = zip(*(last.get(name, ()) for name in _FEATURES), strict=False)
    return [row for row in rows if all(isinstance(value, float) and isfinite(value) for value in row)]
