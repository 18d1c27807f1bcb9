"""What searches are judged on: tables of real trainings and one formula, each with a truth that is known.

`TabularTrainer` replays an objective through the seam of `tune.trainer`, so a study searches it like any other:

    trainer: benchmarks.tabular:TabularTrainer
    recording: {objective: connectome-sgd}
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import blake2b
from math import exp, log10
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

FOLDER = Path(__file__).resolve().parent / "results" / "search"
METADATA = b"latent_tune"
EPOCHS, SEEDS = 27, 10
CAP = 3.0
"""A failed seed counts with at most this many baselines in the truth."""

Values = npt.NDArray[np.float64]
Configuration = Mapping[str, Any]


@dataclass(frozen=True)
class Truth:
    """What a configuration is really worth.

    Attributes:
        loss: Mean test loss over all seeds after the last epoch, capped at `CAP` baselines, in units of the baseline.
        fails: Probability that at least one of ten seeds fails; in a table 0 or 1.
    """

    loss: float
    fails: float


class Objective(Protocol):
    """What is searched: a space, curves by configuration and seed, and the truth.

    Attributes:
        name: Its name.
        space: As in a study file.
        baseline: The constant model's losses.
        best: The lowest true loss of the space.
    """

    name: str
    space: Mapping[str, Mapping[str, Any]]
    baseline: Mapping[str, float]
    best: float

    def curves(self, configuration: Configuration, seed: int) -> Mapping[str, Sequence[float]]:
        """Returns the metrics of one run by epoch: losses, and `seconds` for all seeds together."""
        ...

    def truth(self, configuration: Configuration) -> Truth:
        """Returns what a configuration is worth."""
        ...


def truth_of(validation: Values, test: Values, baseline: Mapping[str, float]) -> Truth:
    """Returns the truth from the last losses of all seeds.

    A seed has failed when a loss is not finite or no better than the baseline, be it on validation or on test.
    """
    ratio = test / baseline["test_loss"]
    capped = np.where(np.isfinite(ratio), np.minimum(ratio, CAP), CAP)
    good = (validation < baseline["validation_loss"]) & (ratio < 1)  # false where a loss is nan
    return Truth(float(capped.mean()), float(not good.all()))


class Table:
    """A tabular study as `benchmarks.tables` makes it.

    Args:
        name: What to call it.
        about: Its metadata: baseline, space and configurations.
        losses: Each loss, `[configuration, seed, epoch]`.
        seconds: `[configuration, epoch]`.
    """

    def __init__(self, name: str, about: Mapping[str, Any], losses: Mapping[str, Values], seconds: Values) -> None:
        self.name, self.about, self.losses, self.seconds = name, about, losses, seconds
        self.configurations: list[dict[str, Any]] = about["configurations"]
        self.space = {key: {"choice": list(values)} for key, values in about["space"].items()}
        self.baseline: Mapping[str, float] = about["baseline"]
        self._keys = tuple(self.space)
        self._index = {tuple(one[key] for key in self._keys): row for row, one in enumerate(self.configurations)}
        self._plain = {name: values.tolist() for name, values in losses.items()}

    @classmethod
    def read(cls, path: Path) -> "Table":
        """Reads a table."""
        table = pq.read_table(path)
        about = json.loads(table.schema.metadata[METADATA])
        shape = (len(about["configurations"]), SEEDS, EPOCHS)
        values = {
            key: table[key].to_numpy().astype(np.float64).reshape(shape)
            for key in ("train_loss", "validation_loss", "test_loss", "seconds")
        }
        seconds = values.pop("seconds")[:, 0]
        return cls(path.stem, about, values, seconds)

    def row(self, configuration: Configuration) -> int:
        """Returns the row of a configuration, which may hold more than the parameters of the space."""
        return self._index[tuple(configuration[key] for key in self._keys)]

    def curves(self, configuration: Configuration, seed: int) -> Mapping[str, Sequence[float]]:
        """Returns the curves of one run; seeds beyond the table's begin again at its first."""
        row = self.row(configuration)
        found: dict[str, Sequence[float]] = {name: values[row][seed % SEEDS] for name, values in self._plain.items()}
        return {**found, "seconds": self.seconds[row]}

    @cached_property
    def truths(self) -> list[Truth]:
        """The truth of every configuration."""
        last = {name: values[:, :, -1] for name, values in self.losses.items()}
        pairs = zip(last["validation_loss"], last["test_loss"], strict=True)
        return [truth_of(validation, test, self.baseline) for validation, test in pairs]

    @cached_property
    def best(self) -> float:
        """The lowest true loss."""
        return min(truth.loss for truth in self.truths)

    def truth(self, configuration: Configuration) -> Truth:
        """Returns what a configuration is worth."""
        return self.truths[self.row(configuration)]


class Analytic:
    """A formula with the habits of the real thing, over a continuous space; its truth is exact.

    A run's validation loss, in units of the baseline, falls from 1.6 to a floor `a` with a time constant `tau`, both
    functions of the configuration; each run adds an offset and a jitter of its own. With normalisation it falls fast,
    without slowly and a little lower. A run fails with probability `p`, which rises with the learning rate, with
    small batches, and with normalisation: from a random epoch on, early rather than late, it goes
    towards 1.2 to 3 baselines. So the lowest floor lies where runs fail.
    """

    name = "analytic"
    best: float
    best_fails: float  # what it comes to for the setting of that loss
    baseline: Mapping[str, float] = {"validation_loss": 1.0, "test_loss": 1.0}
    space: Mapping[str, Mapping[str, Any]] = {
        "learning_rate": {"log_uniform": [1e-4, 1e-1]},
        "batch_size": {"int": [8, 512], "log": True},
        "dropout": {"uniform": [0.0, 0.6]},
        "use_norm": {"choice": [True, False]},
    }
    offset_sd, jitter_sd = 0.02, 0.008

    def __init__(self) -> None:
        rates, sizes, drops = np.logspace(-4, -1, 61), np.unique(np.logspace(0.904, 2.709, 41).astype(int)), range(13)
        points = ((float(r), int(b), d / 20, n) for r in rates for b in sizes for d in drops for n in (True, False))
        names = tuple(self.space)
        truths = (self.truth(dict(zip(names, point, strict=True))) for point in points)
        self.best, self.best_fails = min((truth.loss, truth.fails) for truth in truths)

    def shape(self, configuration: Configuration) -> tuple[float, float, float]:
        """Returns floor, time constant in epochs and failure probability of a configuration."""
        rate = (log10(configuration["learning_rate"]) + 4) / 3  # 0 to 1
        size = (log10(configuration["batch_size"]) - log10(8)) / (log10(512) - log10(8))  # 0 to 1
        norm = configuration["use_norm"]
        ideal = 0.65 if norm else 0.5
        floor = 0.38 + 0.9 * (rate - ideal) ** 2 + 0.25 * (configuration["dropout"] - 0.2) ** 2
        floor += 0.12 * (size - 0.2) ** 2 + (0.03 if norm else 0.0)
        tau = (2.0 if norm else 6.0) * exp(1.2 * (0.5 - rate))
        danger = 10 * (rate - 0.5) + 6 * (0.35 - size) - (0.5 if norm else 4.0)
        return floor, tau, 0.9 / (1 + exp(-danger))

    def mean(self, configuration: Configuration, epoch: int) -> float:
        """Returns the expected validation loss of a run that does not fail."""
        floor, tau, _ = self.shape(configuration)
        return floor + (1.6 - floor) * exp(-epoch / tau)

    def curves(self, configuration: Configuration, seed: int) -> Mapping[str, Sequence[float]]:
        """Returns one run, the same whenever it is asked for."""
        floor, tau, p = self.shape(configuration)
        key = repr([configuration[name] for name in self.space] + [seed]).encode()
        rng = np.random.default_rng(int.from_bytes(blake2b(key, digest_size=8).digest(), "big"))
        fails, onset, depth = rng.random(3)
        offset, *noise = rng.standard_normal(1 + 2 * EPOCHS)
        epochs = np.arange(1, EPOCHS + 1)
        healthy = floor + (1.6 - floor) * np.exp(-epochs / tau) + self.offset_sd * offset
        validation = healthy + self.jitter_sd * np.array(noise[:EPOCHS])
        test = 1.02 * healthy + self.jitter_sd * np.array(noise[EPOCHS:])
        if fails < p:
            ill = 1.2 + 1.8 * depth
            weight = np.clip((epochs - 1 - onset**2 * (EPOCHS - 5)) / 4, 0, 1)
            weight[-1] = 1.0
            validation, test = ((1 - weight) * loss + weight * ill for loss in (validation, test))
        losses = {"validation_loss": validation, "test_loss": test, "train_loss": 0.95 * healthy}
        return {**{name: values.tolist() for name, values in losses.items()}, "seconds": [1.0] * EPOCHS}

    def truth(self, configuration: Configuration) -> Truth:
        """Returns the expected truth over all seeds there could be: a failed run's mean loss is 2.1 baselines."""
        mean, p = self.mean(configuration, EPOCHS), self.shape(configuration)[2]
        if mean >= 1:
            p = 1.0
        return Truth((1 - p) * 1.02 * mean + p * 2.1 if mean < 1 else 1.02 * mean, 1 - (1 - p) ** SEEDS)


@cache
def load(name: str) -> Objective:
    """Returns an objective, read once per process."""
    return Analytic() if name == Analytic.name else Table.read(FOLDER / f"{name}.parquet")


class TabularTrainer:
    """Replays an objective through the seam; a seed's state is how many epochs it has done."""

    def __init__(
        self,
        config: Mapping[str, Any],
        recording: Mapping[str, Any],
        seeds: Sequence[int],
        state: Mapping[int, Any] | None = None,
    ) -> None:
        self._objective, self._seeds = load(recording["objective"]), tuple(seeds)
        self._curves = [self._objective.curves(config, seed) for seed in seeds]
        self._epoch = int(state[self._seeds[0]]["epoch"]) if state else 0

    def train(self, epochs: int) -> Iterator[dict[str, list[float]]]:
        """Yields the stored metrics."""
        for _ in range(epochs):
            epoch = self._epoch
            metrics = {
                name: [curves[name][epoch] for curves in self._curves] for name in ("validation_loss", "test_loss")
            }
            self._epoch += 1
            yield {**metrics, "seconds": [float(self._curves[0]["seconds"][epoch])] * len(self._seeds)}

    def state(self) -> dict[int, dict[str, int]]:
        """Returns the epoch."""
        return {seed: {"epoch": self._epoch} for seed in self._seeds}

    def baseline(self) -> Mapping[str, float]:
        """Returns the objective's baseline."""
        return self._objective.baseline

    def close(self) -> None:
        """Nothing is held."""


def describe(table: Table | Analytic) -> Iterator[str]:
    """Yields what an objective says about failing seeds, luck, and how early rungs predict the end."""
    if isinstance(table, Analytic):
        yield f"{table.name}: the lowest true loss is {table.best:.4f}"
        yield f"  and of ten seeds at least one fails there with probability {table.best_fails:.3f}"
        return
    base = table.baseline
    validation = table.losses["validation_loss"] / base["validation_loss"]  # [configuration, seed, epoch]
    test, training = table.losses["test_loss"] / base["test_loss"], table.losses["train_loss"][:, :, -1]
    failed = ~((validation[:, :, -1] < 1) & (test[:, :, -1] < 1))  # [configuration, seed]
    fine = training < 1.2 * np.nanmedian(training, axis=1, keepdims=True)
    yield f"{table.name}: {len(table.configurations)} configurations x {SEEDS} seeds x {EPOCHS} epochs"
    yield f"  runs that fail: {failed.sum()} of {failed.size} ({failed.mean():.1%});"
    yield f"    {(failed & fine).sum()} of them with a training loss within 20 % of their configuration's median"
    some, every = failed.any(axis=1), failed.all(axis=1)
    yield f"  configurations: {(~some).sum()} never fail, {(some & ~every).sum()} on some seeds, {every.sum()} on all"
    last = np.where(np.isfinite(validation[:, :, -1]), np.minimum(validation[:, :, -1], CAP), CAP)
    one, five = last.argmin(axis=0), last[:, :5].mean(axis=1).argmin()
    yield f"  the whole grid's best by one seed fails on a seed: {some[one].mean():.0%} of seeds;"
    yield f"    by the mean of seeds 0 to 4: {'yes' if some[five] else 'no'}"
    for row in np.argsort([truth.loss for truth in table.truths])[:3]:
        yield f"  true {table.truths[row].loss:.4f} {table.configurations[row]}"
    yield from _early(table, np.where(np.isfinite(validation), np.minimum(validation, CAP), CAP).mean(axis=1))


def _early(table: Table, score: Values) -> Iterator[str]:
    """Yields how the scores `[configuration, epoch]` of early epochs rank configurations, against the last."""
    from scipy.stats import spearmanr

    groups = {"all": np.ones(len(score), dtype=bool)}
    for switch in (key for key in table.space if key.startswith("use_")):
        on = np.array([bool(one[switch]) for one in table.configurations])
        groups |= {f"{switch} on": on, f"{switch} off": ~on}
    for name, members in groups.items():
        rows = score[members]
        ends = rows[:, -1]
        best = set(np.argsort(ends)[:5].tolist())
        said = []
        for epoch in (3, 9, 18):
            early = rows[:, epoch - 1]
            kept = len(best & set(np.argsort(early)[: len(rows) // 3].tolist()))
            said.append(
                f"epoch {epoch}: {spearmanr(early, ends).statistic:.2f} ({kept} of the best 5 in its best third)"
            )
        yield f"  rank correlation with the end, {name}: {', '.join(said)}"
