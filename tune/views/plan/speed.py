"""How fast the arms of a round train, each against the base: what a plan about speed is for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan

import numpy as np

from tune.views import wording
from tune.views.plan.rounds import ArmRow, RoundResult
from tune.views.plan.tables import Cells, arm_name
from tune.views.results import Results
from tune.views.runs import curve_of


@dataclass(frozen=True)
class Speed:
    """How fast an arm trains; a figure that its trainer did not tell is nan.

    Attributes:
        row: The arm.
        first_s: Seconds of the first epoch, in which a trainer warms up and compiles.
        epoch_s: Median seconds of the others; of the first where there is no other.
        quartiles_s: Their quartiles.
        samples_per_second: Of one seed, median over the same epochs.
        memory_mib: The most GPU memory.
        utilisation: Of the GPU in percent, mean.
        ratio: How many times as fast as the base it is; nan of the base itself.
        ratio_quartiles: The same at the quartiles of its epochs, the slower first.
    """

    row: ArmRow
    first_s: float
    epoch_s: float
    quartiles_s: tuple[float, float]
    samples_per_second: float
    memory_mib: float
    utilisation: float
    ratio: float = nan
    ratio_quartiles: tuple[float, float] = (nan, nan)


def speeds_of(results: Results, of: RoundResult) -> list[Speed]:
    """Returns the speed of each arm of a round that has trained an epoch; none where the trainer tells no seconds."""
    measured = [_measured(results, row) for row in of.rows if row.placed.trial is not None]
    known = [one for one in measured if isfinite(one.epoch_s)]
    base = next((one.epoch_s for one in known if one.row.placed.of_base), nan)
    return [one if one.row.placed.of_base else _against(one, base) for one in known]


def speed_table(speeds: Sequence[Speed]) -> Cells:
    """Returns the speeds as cells of text; what was measured of no arm has no column."""
    columns = {
        "arm": [arm_name(one.row) for one in speeds],
        "first epoch, s": [wording.seconds(one.first_s) for one in speeds],
        "epoch, s": [wording.seconds(one.epoch_s) for one in speeds],
        "samples per second": [wording.seconds(one.samples_per_second) for one in speeds],
        "peak GPU memory, MiB": [wording.seconds(one.memory_mib) for one in speeds],
        "GPU utilisation, %": [wording.seconds(one.utilisation) for one in speeds],
        "as fast as the base": [_ratio(one) for one in speeds],
    }
    kept = {name: cells for name, cells in columns.items() if any(cell != wording.UNKNOWN for cell in cells)}
    return Cells(list(kept), [list(row) for row in zip(*kept.values(), strict=True)], ("arm",))


def faster_sentence(of: RoundResult, speeds: Sequence[Speed]) -> str:
    """Returns which arms are faster than the base, and whether that cost them anything; empty where none is."""
    faster = [one.row for one in speeds if one.ratio_quartiles[0] > 1]
    if not faster:
        return ""
    told = [(row, row.effect) for row in faster if row.effect is not None and isfinite(row.effect.interval[0])]
    better = [row for row, effect in told if effect.holds_up and effect.mean > 0]
    worse = [row for row, effect in told if effect.holds_up and effect.mean < 0]
    equal = [row for row, effect in told if not effect.holds_up]
    parts = [  # whose loss cannot be set against the base's is no bargain, and is left out
        f"{wording.listed([row.arm.name for row in rows])} {what}"
        for rows, what in (
            (equal, "with a loss that its seeds do not tell from the base's"),
            (better, "with a better loss"),
            (worse, "with a worse loss"),
        )
        if rows
    ]
    return f"Faster than the base of {of.name}: {'; '.join(parts)}." if parts else ""


def _measured(results: Results, row: ArmRow) -> Speed:
    assert row.placed.trial is not None
    seeds = curve_of(results.curves, row.placed.trial.number)
    first, others, rates, memory, use = [], [], [], [], []
    for columns in seeds.values():
        nothing = np.full(len(columns["epoch"]), nan)
        seconds = columns.get("seconds", nothing)
        begins = columns["epoch"] == 1
        after = ~begins if (np.isfinite(seconds) & ~begins).any() else begins
        first.append(seconds[begins])
        others.append(seconds[after])
        rates.append(columns.get("samples_per_second", nothing)[after])
        memory.append(columns.get("gpu_memory_mib", nothing))
        use.append(columns.get("gpu_utilisation", nothing)[after])
    times = _known(others)
    low, high = np.percentile(times, [25, 75]) if times.size else (nan, nan)
    return Speed(
        row,
        first_s=_median(_known(first)),
        epoch_s=_median(times),
        quartiles_s=(float(low), float(high)),
        samples_per_second=_median(_known(rates)),
        memory_mib=float(most.max()) if (most := _known(memory)).size else nan,
        utilisation=float(used.mean()) if (used := _known(use)).size else nan,
    )


def _against(one: Speed, base_s: float) -> Speed:
    low, high = one.quartiles_s
    if not isfinite(base_s) or one.epoch_s <= 0 or low <= 0:
        return one
    return replace(one, ratio=base_s / one.epoch_s, ratio_quartiles=(base_s / high, base_s / low))


def _ratio(one: Speed) -> str:
    if not isfinite(one.ratio):
        return wording.UNKNOWN
    low, high = one.ratio_quartiles
    return f"{wording.number(one.ratio, 3)} ({wording.number(low, 3)} to {wording.number(high, 3)})"


def _known(parts: Sequence[np.ndarray]) -> np.ndarray:
    values = np.concatenate(parts) if parts else np.empty(0)
    known: np.ndarray = values[np.isfinite(values)]
    return known


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if values.size else nan
