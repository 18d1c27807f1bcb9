"""What will it take? Speed and how even it is, what a training waits for, memory, leaks, disk."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import fmean, median, stdev

from tune.ledger.storage.disk_space import estimate
from tune.scoring.check.items import Evidence, Item, curve, seconds_of, setting_of
from tune.scoring.check.measured import Epoch, Probed
from tune.study.units import show_size

_SLOW_START, _SLOWER = 3.0, 1.3
"""Times the usual epoch: of the first, and of the last third against the first."""

_LEAK_BYTES = 2_000_000
"""Per epoch; less than that is what allocators and caches do."""

_WORTH = 0.05
_FEW = 4  # epochs, from which spread and drift can be told
_SHORT_S = 0.02  # an epoch that is shorter is measured by its noise


def demands(evidence: Evidence) -> Iterator[Item]:
    """Yields the items that ask what the study takes of the machine."""
    if not evidence.whole.died:
        yield _speed(evidence)
        yield _drift(evidence)
        yield _slow_start(evidence)
        yield _waiting(evidence)
    yield _memory(evidence)
    if not evidence.whole.died:
        yield _leak(evidence)
        yield _disk(evidence)


def _longest(evidence: Evidence) -> Probed:
    """Returns the training of all seeds with the most epochs."""
    return max(evidence.of("whole", "again"), key=lambda one: len(one.epochs))


def _speed(evidence: Evidence) -> Item:
    name, asked, one = "speed", evidence.study.check, _longest(evidence)
    times = seconds_of(one.steady)
    rate = 1 / fmean(times)
    told = f"{rate:.3g} epochs of {len(one.seeds)} seeds per second"
    iterations = _iterations(one)
    if iterations is not None:
        told = f"{iterations:.3g} iterations per second, {told}"
    wanted = f"variation under {asked.speed_variation:.0%}"
    if asked.iterations_per_second is not None:
        wanted = f"at least {asked.iterations_per_second:g} iterations per second, {wanted}"
        if iterations is None:
            told = f"{told}; iterations are not told (a metric called `iterations`, of each epoch)"
        elif iterations < asked.iterations_per_second:
            advice = "make a step cheaper (precision, batch size, workers of the data loader), or take a faster machine"
            return Item(name, "warning", told, wanted, advice)
    if len(times) < _FEW:
        return Item(name, "go", f"{told}; how even it is cannot be told from {len(times)} epochs", wanted)
    own = [epoch.own_seconds for epoch in one.steady]
    variation = stdev(own) / fmean(own) if fmean(own) > 0 else 0.0
    told = f"{told}, variation {variation:.0%}{_others(one)}"
    if variation > asked.speed_variation and fmean(times) > _SHORT_S:
        advice = "look for what else uses the machine, for input that comes in bursts, for garbage that is collected"
        return Item(name, "warning", told, wanted, advice)
    return Item(name, "go", told, wanted)


def _others(probed: Probed) -> str:
    """Says how much of the time others had the processors, where that is worth a word."""
    seconds = sum(seconds_of(probed.steady))
    share = sum(epoch.queued_seconds for epoch in probed.steady) / seconds if seconds else 0.0
    return f" (others had the processors for {share:.0%} of the time, which is left out)" if share > _WORTH else ""


def _iterations(probed: Probed) -> float | None:
    """Returns steps per second, where the training tells how many each epoch had."""
    told = curve(probed, probed.seeds[0], "iterations")
    known = [(told[epoch.number], epoch.seconds) for epoch in probed.steady if epoch.number in told]
    seconds = sum(second for _, second in known)
    return sum(steps for steps, _ in known) / seconds if seconds else None


def _drift(evidence: Evidence) -> Item:
    name, times = "drift", [epoch.own_seconds for epoch in _longest(evidence).steady]
    if len(times) < _FEW:
        return Item(name, "unknown", f"{len(times)} epochs are too few to tell")
    third = max(2, len(times) // 3)
    before, after = max(median(times[:third]), _SHORT_S / 100), median(times[-third:])
    told = f"the last epochs take {after / before:.2f} times as long as the first"
    if after > _SLOWER * before and after > _SHORT_S:
        advice = "something grows with the epochs: lists that are kept, a cache, a graph that is not freed"
        return Item(name, "warning", told, f"under {_SLOWER:g} times", advice)
    return Item(name, "go", told, f"under {_SLOWER:g} times")


def _slow_start(evidence: Evidence) -> Item:
    name, one = "slow start", _longest(evidence)
    first, usual = one.epochs[0].seconds, median(seconds_of(one.steady))
    told = f"{one.start_s:.1f} s until training begins, the first epoch takes {first / usual:.1f} times the usual"
    if first > _SLOW_START * usual and first - usual > 0.5:
        advice = "it loads or compiles: seeds that train together and fewer, longer units pay it less often"
        return Item(name, "warning", told, f"under {_SLOW_START:g} times", advice)
    return Item(name, "go", told)


def _waiting(evidence: Evidence) -> Item:
    name, one, asked = "waiting", _longest(evidence), evidence.study.check.busy
    seconds = sum(epoch.own_seconds for epoch in one.steady)
    cpu = sum(epoch.cpu_seconds for epoch in one.steady) / seconds if seconds else 0.0
    wanted = f"busy for at least {asked:.0%} of the time"
    if one.utilisation is not None and any(epoch.gpu_bytes for epoch in one.epochs):
        told = f"the GPU is busy for {one.utilisation:.0%} of the time, the processor for {cpu:.0%} of one core"
        if one.utilisation >= asked:
            return Item(name, "go", told, wanted)
        advice = "the GPU waits for input: more workers of the data loader, larger batches, several trials on one GPU"
        return Item(name, "warning", told, wanted, advice)
    told = f"processors are busy for {cpu:.0%} of one core{_others(one)}"
    if cpu >= asked:
        return Item(name, "go", told, wanted)
    if seconds < 10 * _SHORT_S:
        return Item(name, "unknown", f"{seconds:.2g} s of training are too short to tell")
    advice = "it waits for its input, a disk, a network or a clock, and not for the processor"
    return Item(name, "warning", told, wanted, advice)


def _memory(evidence: Evidence) -> Item:
    name = "memory"
    short = [one for one in evidence.probed if one.kind == "out_of_memory"]
    if short:
        told = f"out of memory at {setting_of(short[0], evidence.whole)}: {short[0].died}"
        advice = "take that setting out of the space, let fewer seeds train at once, or fewer trials share the machine"
        return Item(name, "no-go" if short[0] is evidence.whole else "warning", told, "", advice)
    if evidence.whole.died:
        return Item(name, "unknown", "nothing was trained")
    one = max(evidence.probed, key=lambda each: each.peak_bytes)
    slots, there = int(evidence.machine.get("slots", 1)), evidence.machine.get("host_bytes")
    gpu = max((epoch.gpu_bytes for each in evidence.probed for epoch in each.epochs), default=0)
    told = f"{show_size(one.peak_bytes)} at most, at {setting_of(one, evidence.whole)}"
    told += f"; {show_size(gpu)} of GPU memory" if gpu else ""
    if there is not None:
        need = slots * one.peak_bytes
        wanted = f"{slots} at once within {show_size(int(there))}"
        if need > there:
            advice = "raise resources.cpus_per_trial so that fewer train at once, or take a larger machine"
            return Item(name, "no-go", f"{told}: {show_size(need)} for {slots} trials at once", wanted, advice)
        return Item(name, "go", told, wanted)
    return Item(name, "go", told)


def _leak(evidence: Evidence) -> Item:
    name = "leak"
    trained = max(evidence.of("whole", "again", "climb"), key=lambda one: len(one.epochs))
    epochs = trained.steady
    if len(epochs) < _FEW - 1:
        return Item(name, "unknown", f"{len(epochs)} epochs are too few to tell")
    growth = max(_slope(epochs, [epoch.host_bytes for epoch in epochs]), 0.0)
    on_gpu = max(_slope(epochs, [epoch.gpu_bytes for epoch in epochs]), 0.0)
    worst, where = max((growth, "memory"), (on_gpu, "GPU memory"))
    if worst < _LEAK_BYTES:
        return Item(name, "go", f"{show_size(int(worst))} more per epoch", f"under {show_size(_LEAK_BYTES)}")
    full = evidence.study.top.epochs
    told = f"{where} grows by {show_size(int(worst))} per epoch: {show_size(int(worst * full))} in {full} epochs"
    advice = "something is kept from epoch to epoch, such as losses with their graphs (use .item()) or batches"
    return Item(name, "warning", told, f"under {show_size(_LEAK_BYTES)} per epoch", advice)


def _slope(epochs: Sequence[Epoch], values: Sequence[float]) -> float:
    """Returns the median growth per epoch, of neighbours: a step that is made once is no leak."""
    at = pairwise(zip(epochs, values, strict=True))
    steps = [(after - before) / (second.number - first.number) for (first, before), (second, after) in at]
    return median(steps) if steps else 0.0


def _disk(evidence: Evidence) -> Item:
    name, study = "disk", evidence.study
    state = max((one.state_bytes for one in evidence.probed), default=0)
    if not state:
        return Item(name, "unknown", "nothing was saved")
    need = estimate(study, state)
    told = f"{show_size(state)} per seed's checkpoint, {show_size(need)} for the study at most"
    there = evidence.machine.get("disk_bytes")
    if there is not None and need > there:
        advice = "set storage.shared to a larger place, or save less in a state"
        return Item(name, "warning", told, f"{show_size(int(there))} are free", advice)
    return Item(name, "go", told)
