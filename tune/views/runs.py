"""Every run of a study in one line: final losses, time and GPU, from the curves; and the features of every trial."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import nan

import numpy as np
import pyarrow as pa

from tune.ledger.curves.arrays import floats_of, mask_of, values_of
from tune.ledger.reader import LedgerReader
from tune.scoring.collapse import COLLAPSED_SHARE, COLUMNS

_J_PER_KWH = 3.6e6


@dataclass(frozen=True)
class Run:
    """One seed of one trial; a figure that its trainer did not tell is nan.

    Attributes:
        trial, seed: Which.
        epochs: How many were trained.
        train_loss, loss, test_loss: After the last epoch; `loss` is the scored metric.
        failed: Whether the scored metric is not finite, or no better than the baseline.
        epoch_seconds: Mean per epoch; seeds that train together share an epoch's seconds.
        seconds: Sum over its epochs.
        gpu_utilisation: Percent, mean over its epochs.
        gpu_memory_mib: The most over its epochs.
        samples_per_second: Mean over its epochs.
    """

    trial: int
    seed: int
    epochs: int
    train_loss: float
    loss: float
    test_loss: float
    failed: bool
    epoch_seconds: float
    seconds: float
    gpu_utilisation: float
    gpu_memory_mib: float
    samples_per_second: float


def runs_of(ledger: LedgerReader, curves: pa.Table) -> list[Run]:
    """Returns every run, by trial and then by seed.

    Args:
        ledger: Of the study.
        curves: Its curves, as `LedgerReader.curves` returns them.
    """
    if not curves.num_rows:
        return []
    trial, seed = (values_of(curves[name]) for name in ("trial", "seed"))
    first = np.flatnonzero(np.insert((trial[1:] != trial[:-1]) | (seed[1:] != seed[:-1]), 0, True))
    columns = {name: _column(curves, name) for name in _COLUMNS}
    scored, scale = _column(curves, ledger.study.score.metric), ledger.loss_scale
    found = []
    for start, end in pairwise([*first.tolist(), curves.num_rows]):
        loss = float(scored[end - 1])
        found.append(
            Run(
                trial=int(trial[start]),
                seed=int(seed[start]),
                epochs=int(curves["epoch"][end - 1].as_py()),
                train_loss=float(columns["train_loss"][end - 1]),
                loss=loss,
                test_loss=float(columns["test_loss"][end - 1]),
                failed=scale.failed(loss),
                epoch_seconds=_mean(columns["seconds"][start:end]),
                seconds=_sum(columns["seconds"][start:end]),
                gpu_utilisation=_mean(columns["gpu_utilisation"][start:end]),
                gpu_memory_mib=_most(columns["gpu_memory_mib"][start:end]),
                samples_per_second=_mean(columns["samples_per_second"][start:end]),
            )
        )
    return found


_COLUMNS = ("train_loss", "test_loss", "seconds", "gpu_utilisation", "gpu_memory_mib", "samples_per_second")


@dataclass(frozen=True)
class Features:
    """How far a trial's features have collapsed, see `tune.scoring.collapse`; of each seed what was last known.

    Attributes:
        effective_rank, share, variance, cosine: Means over the seeds that tell them; nan where none does.
        seeds: How many tell an effective rank.
        collapsed: How many of these use less of their dimensions than `COLLAPSED_SHARE`.
    """

    effective_rank: float
    share: float
    variance: float
    cosine: float
    seeds: int
    collapsed: int


def features_of(curves: pa.Table) -> dict[int, Features]:
    """Returns what is known of features by trial; nothing of trials whose trainer tells none.

    Args:
        curves: As `LedgerReader.curves` returns them.
    """
    if COLUMNS[0] not in curves.column_names:
        return {}
    figures = np.stack([_column(curves, name) for name in COLUMNS])
    known = np.isfinite(figures[0])
    trial, seed, figures = values_of(curves["trial"])[known], values_of(curves["seed"])[known], figures[:, known]
    last = np.flatnonzero(np.append((trial[1:] != trial[:-1]) | (seed[1:] != seed[:-1]), True)[: len(trial)])
    found = {}
    for number in np.unique(trial):
        here = figures[:, last[trial[last] == number]]
        rank, share, variance, cosine = map(_mean, here)
        collapsed = int((here[1] < COLLAPSED_SHARE).sum())
        found[int(number)] = Features(rank, share, variance, cosine, here.shape[1], collapsed)
    return found


def energy_kwh(curves: pa.Table) -> float | None:
    """Returns the energy that the GPUs took while trials held them; None where no power was measured.

    NVML tells the power of a whole board: where trials share one, each is charged with the part that it held
    (`gpu_seconds`), and where a trial has several, all are taken to draw what the measured one does.
    """
    if not {"gpu_seconds", "gpu_power_w"} <= set(curves.column_names):
        return None
    joules = _column(curves, "gpu_seconds") * _column(curves, "gpu_power_w")
    known = joules[np.isfinite(joules)]
    return float(known.sum()) / _J_PER_KWH if known.size else None


def curve_of(curves: pa.Table, trial: int) -> Mapping[int, Mapping[str, np.ndarray]]:
    """Returns by seed the columns of a trial's curves, nan where a value is not known; in the order of the epochs."""
    here = curves.filter(mask_of(values_of(curves["trial"]) == trial))
    seeds = values_of(here["seed"])
    columns = {name: _column(here, name) for name in here.column_names if name not in ("trial", "seed")}
    return {
        int(seed): {name: values[seeds == seed] for name, values in columns.items()} for seed in dict.fromkeys(seeds)
    }


def _column(table: pa.Table, name: str) -> np.ndarray:
    """Returns a column as float64, nan where it is null or the table has none of that name."""
    if name not in table.column_names:
        return np.full(table.num_rows, nan)
    return floats_of(table[name])


def _known(values: np.ndarray) -> np.ndarray:
    known: np.ndarray = values[np.isfinite(values)]
    return known


def _mean(values: np.ndarray) -> float:
    known = _known(values)
    return float(known.mean()) if known.size else nan


def _sum(values: np.ndarray) -> float:
    known = _known(values)
    return float(known.sum()) if known.size else nan


def _most(values: np.ndarray) -> float:
    known = _known(values)
    return float(known.max()) if known.size else nan
