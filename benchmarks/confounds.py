"""Are confounded factors named, and do the proposed runs separate them? 100 random sets of runs with planted confounds.

    python -m benchmarks.confounds [--sets 100]

A set is made of blocks. A block is a factor by itself, or a planted confound of two to four factors: one that changes
together with another, one that follows from another that has more values, or three of which one alone differs from run
to run. Blocks are crossed, runs are left out at random as long as everything that was not planted can be estimated,
some runs are there twice, and some factors never vary. What can be estimated is found from the ranks of whole design
matrices in exact fractions, which shares nothing with what is tested:

- named: the confounded factors are named exactly, set by set;
- no false one: no factor is named that was not planted;
- separated: with the runs that are proposed every factor can be estimated, and one run fewer would not have sufficed.

Writes benchmarks/results/confounds.json.
"""

import argparse
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import product
from random import Random
from typing import Any, NamedTuple

from benchmarks.record import record
from tune.scoring.confounding import confounding, separating_runs

FIRST = 23_000
"""The seed of the first set."""
MOST_RUNS = 36

Run = dict[str, Any]
Values = Mapping[str, list[Any]]

_VALUES: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("schedule", ("constant", "cosine", "linear")),
    ("epochs", (6, 15, 40)),
    ("workers", (2, 4, 8)),
    ("learning_rate", (1e-4, 3e-4, 1e-3)),
    ("batch_size", (32, 128, 512)),
    ("use_batch_norm", (False, True)),
    ("warmup_fraction", (0.0, 0.05, 0.1)),
    ("ema", (0.99, 0.9995)),
    ("hidden_units", (64, 96, 128)),
    ("optimizer", ("adam", "sgd", "adamw")),
)


class Planted(NamedTuple):
    """A set of runs, and the confounds that were put into it."""

    runs: list[Run]
    sets: list[frozenset[str]]


def exact_rank(rows: Sequence[Sequence[int]]) -> int:
    """Returns the rank of a matrix of whole numbers, by elimination in fractions."""
    left = [[Fraction(cell) for cell in row] for row in rows]
    rank = 0
    for column in range(len(left[0]) if left else 0):
        pivot = next((row for row in range(rank, len(left)) if left[row][column]), None)
        if pivot is None:
            continue
        left[rank], left[pivot] = left[pivot], left[rank]
        for row in range(rank + 1, len(left)):
            if left[row][column]:
                factor = left[row][column] / left[rank][column]
                left[row] = [one - factor * other for one, other in zip(left[row], left[rank], strict=True)]
        rank += 1
    return rank


def design(
    runs: Sequence[Mapping[str, Any]], factors: Sequence[str], values: Mapping[str, list[Any]]
) -> list[list[int]]:
    """Returns the design matrix: a constant, and a column for each value of each factor but the first."""
    return [[1, *(int(run[name] == value) for name in factors for value in values[name][1:])] for run in runs]


def inestimable(runs: Sequence[Mapping[str, Any]]) -> set[str]:
    """Returns the factors whose effects cannot be estimated: their columns add less to the rank than they are."""
    values = {name: list(dict.fromkeys(run[name] for run in runs)) for name in runs[0]}
    varied = [name for name in values if len(values[name]) > 1]
    whole = exact_rank(design(runs, varied, values))
    return {
        name
        for name in varied
        if whole - exact_rank(design(runs, [other for other in varied if other != name], values))
        < len(values[name]) - 1
    }


def block(random: Random, factors: list[tuple[str, tuple[Any, ...]]], kind: str) -> list[Run]:
    """Returns the settings of a block, from which its factors are taken."""
    name, values = factors.pop()
    if kind == "alone":
        return [{name: value} for value in random.sample(values, random.randint(2, len(values)))]
    if kind == "together":
        others = [factors.pop() for _ in range(random.randint(1, 3))]
        count = min(len(values), *(len(other) for _, other in others), random.randint(2, 3))
        taken = {one: random.sample(of, count) for one, of in ((name, values), *others)}
        return [{one: of[at] for one, of in taken.items()} for at in range(count)]
    if kind == "follows":
        at = next(place for place, one in enumerate([(name, values), *factors]) if len(one[1]) == 3)
        finer = (name, values) if at == 0 else factors.pop(at - 1)
        coarser = factors.pop() if at == 0 else (name, values)
        low, high = random.sample(coarser[1], 2)
        return [{finer[0]: value, coarser[0]: high if place == 2 else low} for place, value in enumerate(finer[1])]
    others = [(name, values), factors.pop(), factors.pop()]
    pairs = {one: random.sample(of, 2) for one, of in others}
    return [{one: pair[one == odd] for one, pair in pairs.items()} for odd in pairs]


def planted(seed: int) -> Planted:
    """Returns a set of runs with zero to two confounds in it."""
    random = Random(seed)  # noqa: S311 - a benchmark
    while True:
        factors = random.sample(_VALUES, len(_VALUES))
        kinds = random.sample(["together", "follows", "odd one"], random.choice([0, 1, 1, 1, 2]))
        kinds += ["alone"] * random.randint(1, 3)
        if sum({"together": 4, "odd one": 3, "follows": 2, "alone": 1}[kind] for kind in kinds) > len(factors) - 1:
            continue
        blocks = [block(random, factors, kind) for kind in sorted(kinds, reverse=True)]
        names = [frozenset(one[0]) for one in blocks]
        fixed = {name: random.choice(values) for name, values in factors[:2]}
        runs = [{**fixed, **{k: v for part in parts for k, v in part.items()}} for parts in product(*blocks)]
        if not 2 <= len(runs) <= MOST_RUNS:
            continue
        sets = [one for one in names if len(one) > 1]
        wanted = set().union(*sets)
        random.shuffle(runs)
        for run in list(runs)[: random.randint(0, len(runs))]:
            fewer = [other for other in runs if other is not run]
            if len(fewer) > 1 and inestimable(fewer) == wanted and _varied(fewer) == _varied(runs):
                runs = fewer
        runs += [dict(random.choice(runs)) for _ in range(random.randint(0, 2))]
        if inestimable(runs) == wanted and _splits(runs, sets):
            return Planted(runs, sets)


def _varied(runs: Sequence[Run]) -> list[set[Any]]:
    return [{run[name] for run in runs} for name in runs[0]]


def _splits(runs: Sequence[Run], sets: Sequence[frozenset[str]]) -> bool:
    """Says whether confounds are apart from each other: each of them is one also where the others' factors are gone."""
    every = set().union(*sets)
    return all(
        inestimable([{name: value for name, value in run.items() if name not in every - one} for run in runs]) == one
        for one in sets
    )


def judged(seed: int) -> dict[str, Any]:
    """Returns what was said of one set, and whether it was so."""
    runs, sets = planted(seed)
    found = confounding(runs)
    named = [frozenset(one.factors) for one in found.aliased]
    further = separating_runs(runs)
    made = [{**runs[0], one.factor: one.value} for one in further]
    values = {name: list(dict.fromkeys(run[name] for run in runs)) for name in runs[0]}
    columns = 1 + sum(len(one) - 1 for one in values.values())
    lacking = columns - exact_rank(design(runs, list(values), values))
    return {
        "seed": seed,
        "runs": len(runs),
        "planted": sorted(map(sorted, sets)),
        "named": sorted(named, key=sorted) == sorted(sets, key=sorted),
        "no_false_one": set(found.confounded) <= set().union(*sets),
        "separated": not inestimable([*runs, *made]) and _seen(made, runs),
        "fewest": len(further) == lacking,
        "further": len(further),
    }


def _seen(made: Sequence[Run], runs: Sequence[Run]) -> bool:
    return all(any(other[name] == value for other in runs) for run in made for name, value in run.items())


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=100)
    count = parser.parse_args().sets
    rows = [judged(FIRST + at) for at in range(count)]
    shares = {
        key: f"{sum(row[key] for row in rows)} of {count}" for key in ("named", "no_false_one", "separated", "fewest")
    }
    print(shares, f"{sum(not row['planted'] for row in rows)} sets without a confound")
    record(
        "confounds",
        "random sets of runs with planted confounds: which factors are named as confounded, and whether the runs that "
        "are proposed separate them",
        f"python -m benchmarks.confounds --sets {count}",
        rows,
        shares=shares,
    )


if __name__ == "__main__":
    main()
