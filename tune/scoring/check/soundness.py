"""Is it a sound experiment? Seeds that are repeats, trainings that can be repeated and continued, data apart."""

from collections.abc import Callable, Iterator, Sequence
from math import inf, isfinite
from pathlib import Path

from tune.scoring.check.items import Evidence, Item, apart, curve, setting_of
from tune.scoring.check.measured import Probed, Seeding
from tune.scoring.check.metrics import is_coarse, metric_told, splits
from tune.scoring.check.seeding import shared_seedings, shared_text, unseeded, unseeded_text

_ROUNDING, _SMALL = 1e-6, 1e-3
"""Relative differences: up to the first, sums were added in another order; up to the second, it is told."""

_FEW = 3  # places that are named


def soundness(evidence: Evidence) -> Iterator[Item]:
    """Yields the items that ask whether the study is a sound experiment."""
    yield _imports(evidence)
    if evidence.whole.died:
        return
    yield from _repeats(evidence)
    yield from _continued(evidence)
    yield metric_told(evidence)
    yield splits(evidence)
    yield _baseline(evidence)


def _imports(evidence: Evidence) -> Item:
    name, first = "imports", evidence.whole
    if first.died:
        why = f"{first.died}{_last(first)}"
        if first.kind == "mistake" or not first.epochs:
            where = f" on a node with {first.node}" if first.node else ""
            doing = f"started in a process of its own{where}, it died before its first epoch"
            advice = "run it by itself, from the folder of the study file and in a new shell, until it starts"
            return Item(name, "no-go", f"{doing}: {why}", advice=advice)
        epochs = len(first.epochs)
        return Item(
            name, "no-go", f"the middle of the space died after {epochs} epochs: {why}", advice="mend what it died of"
        )
    unlike = [one for one in evidence.of("again") if one.died and not one.epochs]
    if unlike:
        where = f"on a node with {unlike[0].node} " if unlike[0].node else "started once more "
        advice = "what it needs must be there on every node, every time"
        return Item(
            name, "no-go", f"{where}it died before its first epoch: {unlike[0].died}{_last(unlike[0])}", "", advice
        )
    started = [one for one in evidence.probed if one.epochs]
    slowest = max(one.start_s for one in started)
    nodes = sorted({one.node for one in started if one.node})
    where = f" on nodes with {' and '.join(nodes)}" if nodes else ""
    return Item(name, "go", f"{len(started)} processes started{where}, in {slowest:.1f} s at most")


def _repeats(evidence: Evidence) -> Iterator[Item]:
    """Yields what is asked of seeds and of repeats of one seed."""
    whole, again, alone = evidence.whole, evidence.first("again"), evidence.first("alone")
    spread = _difference(evidence, whole, again)
    yield _determinism(evidence, spread)
    if len(evidence.study.seeds) < 2:
        yield Item("seeds differ", "unknown", "the study has one seed", advice="give `seeds` at least three")
    else:
        yield _differ(evidence)
    if len(whole.seeds) < 2:
        yield Item("seeds apart", "unknown", "the first rung trains one seed at a time")
    elif alone is not None and not alone.died:
        yield _alone(evidence, alone, spread or 0.0)
    yield _generators(evidence)


def _determinism(evidence: Evidence, spread: float | None) -> Item:
    name = "determinism"
    if spread is None:
        return Item(name, "unknown", "the same training did not come to an end twice")
    if spread == 0:
        return Item(name, "go", "the same seeds twice: the same values")
    made = unseeded(next(iter(evidence.of("alone")), evidence.whole).seedings or ())
    causes = "".join(f"; {text}" for text in _told_of(made, unseeded_text))
    return Item(
        name,
        "warning",
        f"nondeterministic: the same seeds twice differ by {spread:.1g} of {evidence.metric}{causes}",
        "the same values",
        "seed every generator by the seed of the run; on a GPU, ask for deterministic algorithms. Else two runs of one "
        "seed are two repeats, and nothing can be reproduced exactly",
    )


def _differ(evidence: Evidence) -> Item:
    name, whole = "seeds differ", evidence.whole
    pairs = [(whole, whole.seeds[0]), (whole, whole.seeds[1])] if len(whole.seeds) > 1 else []
    other = evidence.first("other")
    if not pairs and other is not None and not other.died:
        pairs = [(whole, whole.seeds[0]), (other, other.seeds[0])]
    if not pairs:
        return Item(name, "unknown", "a second seed was not trained")
    names = dict.fromkeys(metric for epoch in pairs[0][0].epochs for metric in epoch.metrics)
    curves = [(curve(*pairs[0], metric), curve(*pairs[1], metric)) for metric in [*names, evidence.metric]]
    seeds = f"seeds {pairs[0][1]} and {pairs[1][1]}"
    known = [pair for pair in curves if pair[0]]
    if known and all(one == other for one, other in known):
        if is_coarse(known) and _differ_elsewhere(evidence):
            return Item(name, "go", f"{seeds} gave the same values in the middle of the space, others at its ends")
        advice = "use the seed that the training is given, for weights and order of batches; else repeats are copies"
        return Item(name, "no-go", f"{seeds} gave the same values of every metric: the seed is ignored", "", advice)
    difference = apart(evidence.losses(*pairs[0]), evidence.losses(*pairs[1])) or 0.0
    return Item(name, "go", f"{seeds} differ by {difference:.2g} of {evidence.metric}")


def _differ_elsewhere(evidence: Evidence) -> bool:
    """Says whether two seeds that trained side by side gave other values somewhere, as coarse metrics may."""
    return any(
        len({*map(repr, values)}) > 1
        for one in evidence.of("whole", "corner", "rate")
        for epoch in one.epochs
        for values in epoch.metrics.values()
    )


def _alone(evidence: Evidence, alone: Probed, spread: float) -> Item:
    name, seed = "seeds apart", alone.seeds[0]
    found = apart(evidence.losses(alone, seed), evidence.losses(evidence.whole, seed))
    if found is None:
        return Item(name, "unknown", f"{evidence.metric} was not told")
    if found <= max(_ROUNDING, 3 * spread):
        return Item(name, "go", f"seed {seed} alone equals seed {seed} beside others (to {found:.1g})")
    advice = (
        "seeds that train side by side share something, such as a global random state, a buffer or batch statistics: "
        "make a generator for each seed"
    )
    return Item(
        name,
        "warning" if found <= _SMALL else "no-go",
        f"seed {seed} alone differs from seed {seed} beside others by {found:.2g} of {evidence.metric}",
        "the same values",
        advice,
    )


def _generators(evidence: Evidence) -> Item:
    name, alone, other = "random generators", evidence.first("alone"), evidence.first("other")
    if alone is None or other is None or alone.seedings is None or other.seedings is None:
        why = (
            "a program cannot be asked what it seeds" if evidence.study.program else "two seeds alone were not trained"
        )
        return Item(name, "unknown", why)
    shared = shared_seedings(alone.seedings, other.seedings)
    if not shared:
        return Item(name, "go", f"{len(alone.seedings)} seeded, none the same for two seeds")
    return Item(
        name,
        "warning",
        "; ".join(_told_of(shared, shared_text)),
        advice="what draws the order of batches and the initial weights must be made from the seed of the run, or "
        "seeds are no independent repeats",
    )


def _continued(evidence: Evidence) -> Iterator[Item]:
    name, first, second = "continues", evidence.first("first_half"), evidence.first("second_half")
    if first is None or first.died or (second is None and not first.epochs):
        why = f"the first half died: {first.died}" if first is not None and first.died else "there was no time"
        yield Item(name, "unknown", why)
        return
    if second is None or second.died:
        why = "" if second is None else f": {second.died}{_last(second)}"
        advice = "what `state` returns, or a checkpoint holds, must be enough for another process of the same code"
        yield Item(name, "no-go", f"what one process saved, another could not continue{why}", "", advice)
        return
    half, epochs = first.to_epoch, second.to_epoch
    yield _same_as_whole(evidence, second, half, epochs)
    yield _evaluation(evidence, second)


def _same_as_whole(evidence: Evidence, second: Probed, half: int, epochs: int) -> Item:
    spread = _difference(evidence, evidence.whole, evidence.first("again")) or 0.0
    found = _difference(evidence, second, evidence.whole)
    name, program = "continues", evidence.study.program
    if program is not None and not program.resumes:
        return Item(name, "unknown", "the program has no {checkpoint}: it trains again from its first epoch")
    if found is None:
        return Item(name, "unknown", f"{evidence.metric} was not told")
    if found <= max(_ROUNDING, 3 * spread):
        return Item(name, "go", f"{half} epochs, saved, continued to {epochs} = {epochs} epochs (to {found:.1g})")
    return Item(
        name,
        "warning" if found <= _SMALL else "no-go",
        f"{half} epochs, saved, continued to {epochs} differ from {epochs} epochs by {found:.2g} of {evidence.metric}",
        "the same values",
        "save the optimizer, the schedule, the random states and the place in the data with the weights; and let "
        "nothing depend on how many epochs are asked for",
    )


def _evaluation(evidence: Evidence, second: Probed) -> Item:
    name = "evaluation"
    died = [one for one in (second, *evidence.probed) if one.evaluation_died]
    if died:
        where = "of a loaded checkpoint" if died[0].purpose == "second_half" else "after training"
        advice = "build the model of the evaluation from the same configuration as that of the training"
        return Item(
            name, "no-go", f"the evaluation {where} died: {died[0].evaluation_died}{_last(died[0])}", "", advice
        )
    if second.evaluation is None:
        return Item(name, "unknown", "the trainer has none of its own")
    names = ", ".join(sorted(second.evaluation)[:_FEW])
    return Item(name, "go", f"runs on a loaded checkpoint, in {second.evaluation_s:.1f} s: {names}")


def _baseline(evidence: Evidence) -> Item:
    name, metric = "baseline", evidence.metric
    said = evidence.study.score.baseline
    baseline = evidence.whole.baseline.get(metric) if said is None else said
    if baseline is None or not isfinite(baseline):
        advice = "set score.baseline to what a model that has learned nothing has, so that failed seeds are known"
        return Item(name, "unknown", f"what {metric} must beat is not known", "", advice)
    limit = -baseline if evidence.study.score.maximize else baseline
    best, where = inf, ""
    for one in evidence.probed:
        for seed in one.seeds:
            low = min((value for value in evidence.losses(one, seed).values() if isfinite(value)), default=inf)
            if low < best:
                best, where = low, f"seed {seed} at {setting_of(one, evidence.whole)}"
    value = -best if evidence.study.score.maximize else best
    if best < limit:
        return Item(name, "go", f"{metric} {value:.4g} against {baseline:.4g} ({where})")
    return Item(
        name,
        "warning",
        f"nobody beats the baseline: {metric} {value:.4g} at best, against {baseline:.4g}",
        f"beyond {baseline:.4g} within the first epochs",
        "if a longer training does not either, the direction (score.direction), the baseline or the training is wrong",
    )


def _difference(evidence: Evidence, one: Probed, other: Probed | None) -> float | None:
    """Returns by how much two trainings of the same seeds differ, at the epochs that both have."""
    if other is None:
        return None
    both = [seed for seed in one.seeds if seed in other.seeds]
    every = [apart(evidence.losses(one, seed), evidence.losses(other, seed)) for seed in both]
    return max((value for value in every if value is not None), default=None)


def _told_of(seedings: Sequence[Seeding], text: Callable[[Seeding], str]) -> list[str]:
    """Returns what is said of the first few, and how many more there are."""
    more = [f"and {len(seedings) - _FEW} more"] if len(seedings) > _FEW else []
    return [*map(text, seedings[:_FEW]), *more]


def _last(probed: Probed) -> str:
    """Returns where in the user's code a training died, as far as its text tells."""
    lines = [line.strip() for line in probed.text.splitlines() if line.strip().startswith('File "')]
    if not lines:
        return ""
    file, _, rest = lines[-1].removeprefix('File "').partition('", line ')
    return f" ({Path(file).name}:{rest.partition(',')[0]})"
