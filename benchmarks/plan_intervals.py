"""Do the intervals that a plan gives hold together, and what do they find? Simulated plans with known effects.

    python -m benchmarks.plan_intervals [--plans 1000]

Each plan has a base and 4, 9 or 22 arms on the same 3 or 5 seeds. A loss is the arm's effect, the seed's (standard
deviation 2, the same for all arms) and noise (1, unless a case says otherwise). The arms' effects are 0, 2, 4 and 8 in
turn. By case: coverage of the family (plans in which all intervals hold their effects), power by effect (intervals that
leave out zero), and the median half-width, for

- together: ours, `tune.scoring.effects.paired_family`, called as a report calls it;
- bonferroni: paired t intervals at 0.05 / arms; pooled: paired, one variance for all arms (Dunnett's);
- moderated: paired, empirical Bayes variances (Smyth 2004), t at 0.05 / arms;
- unpaired: Dunnett's of the arms' means; welch: unpaired t intervals, each of its own two variances, at 0.05 / arms.

Then the effects of the levels of a 3 x 3 grid, and the ends of stability regions, against what was simulated. The
method was chosen on other random numbers. Writes benchmarks/results/plan_intervals.json.
"""

import argparse
from collections.abc import Callable
from itertools import product
from math import nan, sqrt
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, polygamma, stdtrit

from benchmarks.record import record
from tune.scoring.effects.factorial import Cell, factorial
from tune.scoring.effects.paired_family import effects_against
from tune.scoring.effects.stability import stability_region

Array = npt.NDArray[np.float64]
EFFECTS = (0.0, 2.0, 4.0, 8.0)
ARMS, SEEDS = (4, 9, 22), (3, 5)
RANDOM = 20261130


class Case(NamedTuple):
    """How losses spread: by arm, the base first; `spread` gives `[arms + 1]` for a plan."""

    name: str
    spread: Callable[[np.random.Generator, int], Array]
    seed_sd: float = 2.0
    heavy: bool = False
    failing: float = 0.0


def raised(arms: Callable[[int], slice], ratio: float) -> Callable[[np.random.Generator, int], Array]:
    """Returns spreads of 1 but for some arms."""

    def spread(_: np.random.Generator, count: int) -> Array:
        found = np.ones(count + 1)
        found[arms(count)] = ratio
        return found

    return spread


NOBODY = raised(lambda _: slice(0), 1.0)
CASES = (
    Case("all alike", NOBODY),
    Case("all alike, nothing shared by seed", NOBODY, seed_sd=0.0),
    Case("one arm 3 times", raised(lambda _: slice(1, 2), 3.0)),
    Case("one arm 10 times", raised(lambda _: slice(1, 2), 10.0)),
    Case("a third of the arms 3 times", raised(lambda count: slice(1, 2 + count // 3), 3.0)),
    Case("three arms 10 times", raised(lambda _: slice(1, 4), 10.0)),
    Case("base 3 times", raised(lambda _: slice(1), 3.0)),
    Case("each its own, log-normal 0.7", lambda generator, count: np.exp(0.7 * generator.standard_normal(count + 1))),
    Case("heavy tails, t with 3 degrees", NOBODY, heavy=True),
    Case("one run in ten fails", raised(lambda _: slice(1, 2), 3.0), failing=0.1),
)


def losses_of(case: Case, plans: int, arms: int, seeds: int, generator: np.random.Generator) -> tuple[Array, Array]:
    """Returns losses `[plans, 1 + arms, seeds]`, the base first, nan where a run failed, and the effects `[arms]`."""
    effects = np.resize(EFFECTS, arms)
    shape = (plans, arms + 1, seeds)
    noise = generator.standard_t(3, size=shape) / sqrt(3) if case.heavy else generator.standard_normal(shape)
    spreads = np.stack([case.spread(generator, arms) for _ in range(plans)])
    by_seed = case.seed_sd * generator.standard_normal((plans, 1, seeds))
    losses = 100 + by_seed + spreads[:, :, None] * noise
    losses[:, 1:] -= effects[:, None]
    losses[generator.random(shape) < case.failing] = nan
    return losses, effects


def together(losses: Array) -> tuple[Array, Array]:
    """Returns means and half-widths `[plans, arms]` of ours; nan where an arm has no interval."""
    found = []
    for plan in losses:
        base, *arms = (dict(enumerate(one.tolist())) for one in plan)
        family = effects_against(base, {str(arm): values for arm, values in enumerate(arms)})
        found.append([(one.mean, (one.interval[1] - one.interval[0]) / 2) for one in family.effects.values()])
    means, halves = np.moveaxis(np.array(found), 2, 0)
    return means, halves


def others(losses: Array) -> dict[str, tuple[Array, Array]]:
    """Returns means and half-widths `[plans, arms]` of what else could be taken."""
    gaps = losses[:, :1] - losses[:, 1:]
    _, arms, seeds = gaps.shape
    means, sds, root = gaps.mean(axis=2), gaps.std(axis=2, ddof=1), sqrt(seeds)
    each = 1 - 0.025 / arms
    shrunk, freedom = _moderated(sds**2, seeds - 1)
    own = losses.var(axis=2, ddof=1)
    both = own[:, :1] + own[:, 1:]
    welch = both**2 / (own[:, :1] ** 2 + own[:, 1:] ** 2) * (seeds - 1)
    wide = np.ones_like(means) / root
    return {
        "bonferroni": (means, stdtrit(seeds - 1, each) * sds / root),
        "pooled": (means, dunnett(arms, seeds, paired) * paired(losses) * wide),
        "moderated": (means, stdtrit(freedom, each)[:, None] * np.sqrt(shrunk) / root),
        "unpaired": (means, dunnett(arms, seeds, unpaired) * unpaired(losses) * wide),
        "welch": (means, stdtrit(welch, each) * np.sqrt(both) / root),
    }


def paired(losses: Array) -> Array:
    """Returns `[plans, 1]`, the standard deviation of a difference where all arms spread alike, seeds taken off."""
    left = losses - losses.mean(axis=1, keepdims=True) - losses.mean(axis=2, keepdims=True)
    left += losses.mean(axis=(1, 2), keepdims=True)
    _, arms, seeds = losses.shape
    found: Array = np.sqrt(2 * (left**2).sum(axis=(1, 2)) / ((arms - 1) * (seeds - 1)))[:, None]
    return found


def unpaired(losses: Array) -> Array:
    """Returns the same with seeds left in."""
    found: Array = np.sqrt(2 * losses.var(axis=2, ddof=1).mean(axis=1))[:, None]
    return found


def dunnett(arms: int, seeds: int, spread: Callable[[Array], Array]) -> float:
    """Returns the quantile of Dunnett's statistic, from 20,000 simulated families."""
    noise = np.random.default_rng(RANDOM - 1).standard_normal((20_000, arms + 1, seeds))
    gaps = np.abs(noise[:, 1:].mean(axis=2) - noise[:, :1].mean(axis=2)) * sqrt(seeds)
    return float(np.quantile((gaps / spread(noise)).max(axis=1), 0.95))


def _moderated(variances: Array, freedom: int) -> tuple[Array, Array]:
    """Returns shrunk variances `[plans, arms]` and their degrees of freedom `[plans]` (Smyth 2004, section 6.2)."""
    logs = np.log(variances) - digamma(freedom / 2) + np.log(freedom / 2)
    excess = logs.var(axis=1, ddof=1) - polygamma(1, freedom / 2)
    prior = np.full(len(logs), 1e6)
    positive = excess > 1e-6
    half = (
        0.5 + 1 / excess[positive]
    )  # Newton's method for the inverse of the trigamma function, as in Smyth's appendix
    for _ in range(50):
        value = polygamma(1, half)
        half = half + value * (1 - value / excess[positive]) / polygamma(2, half)
    prior[positive] = np.minimum(2 * half, 1e6)
    center = np.exp(logs.mean(axis=1) + digamma(prior / 2) - np.log(prior / 2))
    shrunk = (prior[:, None] * center[:, None] + freedom * variances) / (prior + freedom)[:, None]
    return shrunk, np.minimum(prior + freedom, freedom * variances.shape[1])


def told(means: Array, halves: Array, effects: Array) -> dict[str, Any]:
    """Returns coverage with its error, power by effect and the median half-width; without an interval an arm holds."""
    known = np.isfinite(halves)
    held = ((np.abs(means - effects) <= halves) | ~known).all(axis=1)
    share = float(np.mean(held))
    found = np.abs(means) > halves
    return {
        "coverage": share,
        "error": sqrt(share * (1 - share) / len(means)),
        "power": {f"{one:g}": float(found[:, effects == one].mean()) for one in EFFECTS[1:]},
        "half_width": float(np.nanmedian(halves)),
    }


def grids(plans: int, generator: np.random.Generator) -> list[dict[str, Any]]:
    """Returns how often the levels' intervals of a 3 x 3 grid all hold: main effects 0, 1, 4 and 0, 0, 2."""
    rows = []
    for seeds, wild in product(SEEDS, (1.0, 3.0)):
        held = 0
        for _ in range(plans):
            by_seed = 2 * generator.standard_normal(seeds)
            cells = []
            for one, other in product(range(3), repeat=2):
                noise = generator.standard_normal(seeds) * (wild if one == 2 else 1.0)
                values = (100 - (0, 1, 4)[one] - (0, 0, 2)[other]) + by_seed + noise
                cells.append(Cell({"a": one, "b": other}, dict(enumerate(values.tolist()))))
            truth: dict[tuple[str, object], float] = {("a", 1): 1.0, ("a", 2): 4.0, ("b", 1): 0.0, ("b", 2): 2.0}
            effects = factorial(cells, {"a": 0, "b": 0}).level_effects
            intervals = {(one.factor, one.level): one.interval for found in effects.values() for one in found}
            held += all(low <= truth[key] <= high for key, (low, high) in intervals.items())
        rows.append({"seeds": seeds, "spread_of_one_level": wild, "plans": plans, "coverage": held / plans})
    return rows


def thresholds(plans: int, generator: np.random.Generator) -> list[dict[str, Any]]:
    """Returns how often the interval of a stability region's end holds it, and how many of six steps it spans."""
    values = 2.0 ** np.arange(7)
    rows = []
    for seeds, slope, end in product(SEEDS, (2.0, 20.0), (7.9, 8.1, 11.0)):
        rates = 1 / (1 + np.exp(-np.clip(slope * np.log(values / end), -50, 50)))
        held, spans = 0, []
        for _ in range(plans):
            failed = generator.random((seeds, 7)) < rates
            runs = [(float(value), bool(one)) for row in failed for value, one in zip(values, row, strict=True)]
            found = [one for one in stability_region(runs).thresholds if one.side == "above"]
            held += any(one.interval[0] <= end <= one.interval[1] for one in found)
            spans += [float(np.log2(min(one.interval[1], 128) / max(one.interval[0], 0.5))) for one in found]
        rows.append(
            {"seeds": seeds, "slope": slope, "end": end, "coverage": held / plans, "steps": float(np.mean(spans))}
        )
    return rows


def main() -> None:
    """Simulates, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--plans", type=int, default=1000, help="of each case; fewer where runs fail, which takes longer"
    )
    options = parser.parse_args()
    generator = np.random.default_rng(RANDOM)
    names = ("together", "bonferroni", "pooled", "moderated", "unpaired", "welch")
    print(f"{'coverage of the family, half-width':44}" + "".join(f"{name:>16}" for name in names))
    rows: list[dict[str, Any]] = []
    for case, seeds, arms in product(CASES, SEEDS, ARMS):
        plans = options.plans // (20 if arms > 9 else 5) if case.failing else options.plans
        losses, effects = losses_of(case, plans, arms, seeds, generator)
        methods = {"together": together(losses), **({} if case.failing else others(losses))}
        row = {"case": case.name, "seeds": seeds, "arms": arms, "plans": plans}
        found = {name: told(*methods[name], effects) for name in names if name in methods}
        rows.append({**row, **found})
        cells = [f"{one['coverage']:.1%} {one['half_width']:6.1f}" for one in found.values()]
        print(f"{case.name:36}{seeds:4}{arms:4}" + "".join(f"{cell:>16}" for cell in cells), flush=True)
    worst = min(row["together"]["coverage"] for row in rows)
    every = float(np.average([row["together"]["coverage"] for row in rows], weights=[row["plans"] for row in rows]))
    levels, ends = grids(options.plans // 2, generator), thresholds(options.plans // 2, generator)
    print(f"together: {every:.1%} of all plans, {worst:.1%} in the worst case")
    print(f"levels of a grid: {min(row['coverage'] for row in levels):.1%} in the worst case")
    print(f"ends of a stability region: {min(row['coverage'] for row in ends):.1%} in the worst case")
    what = "share of simulated plans whose intervals all held the known effects, power by effect in units of the noise"
    record("plan_intervals", what, "python -m benchmarks.plan_intervals", rows, levels=levels, thresholds=ends)


if __name__ == "__main__":
    main()
