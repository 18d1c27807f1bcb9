"""Is a plan that carries its winners from round to round as good as one search over all combinations, at equal cost?

    python -m benchmarks.plan_carried [--repetitions 60] [--first 1000]

Three factors of four levels; what each level is worth is drawn, and so is what each pair of levels is worth together:
without interactions, with some (a third of the variance) and with strong ones (two thirds). A plan tries the levels of
one factor, then those of the next from the best so far, then those of the third: ten arms at most on three seeds. A
search over the 64 combinations has as many seed-epochs as the plan took, on the ladder that is planned for it. Both
are played by the real optimizer in virtual time, on the same losses. Regret: how much worse the truth of what is
recommended is than the best combination, in standard deviations over combinations. Nothing about the rule for winners
and ties was chosen on these data; repetitions below 1,000 were used to see that the script runs.

Writes benchmarks/results/plan_carried.json.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import exp, sqrt
from statistics import fmean, stdev
from typing import Any

import numpy as np

import latent_tune
from benchmarks.record import record

LEVELS, SEEDS, EPOCHS, SPREAD = 4, [1, 2, 3], 3, 0.5
INTERACTIONS = {"none": 0.0, "some": 1 / 3, "strong": 2 / 3}
FACTORS = ("a", "b", "c")


class Surface:
    """What each combination is worth, drawn with a seed: variance 1 over combinations, noise of a seed beside it."""

    def __init__(self, share: float, seed: int) -> None:
        rng = np.random.default_rng([seed, round(1000 * share)])
        alone = [rng.normal(size=LEVELS) for _ in FACTORS]
        pairs = {pair: rng.normal(size=(LEVELS, LEVELS)) for pair in ((0, 1), (0, 2), (1, 2))}
        self.truth: dict[tuple[int, ...], float] = {}
        main = {at: sum(alone[place][level] for place, level in enumerate(at)) for at in _combinations()}
        both = {at: sum(table[at[i], at[j]] for (i, j), table in pairs.items()) for at in _combinations()}
        for at in _combinations():
            self.truth[at] = sqrt(1 - share) * _scaled(main, at) + sqrt(share) * _scaled(both, at)
        self.noise = {(at, run): SPREAD * rng.normal() for at in _combinations() for run in SEEDS}

    def regret(self, at: tuple[int, ...]) -> float:
        """Returns how much worse a combination is than the best."""
        return self.truth[at] - min(self.truth.values())


def _combinations() -> Iterator[tuple[int, ...]]:
    return product(range(LEVELS), repeat=len(FACTORS))


def _scaled(values: Mapping[tuple[int, ...], float], at: tuple[int, ...]) -> float:
    every = list(values.values())
    return float((values[at] - fmean(every)) / np.std(every))


def trainer_of(surface: Surface) -> type:
    """Returns a trainer whose losses lie on a surface, and fall towards it."""

    class OnSurface:
        def __init__(
            self,
            config: Mapping[str, Any],
            _recording: Any,
            seeds: Sequence[int],
            state: Mapping[int, Any] | None = None,
        ) -> None:
            self._at = tuple(int(config[name]) for name in FACTORS)
            self._seeds = list(seeds)
            self._epoch = max((one["epoch"] for one in (state or {}).values()), default=0)

        def train(self, epochs: int) -> Iterator[Mapping[str, Sequence[float]]]:
            for _ in range(epochs):
                self._epoch += 1
                above = 10 + surface.truth[self._at] + exp(-self._epoch)
                yield {"validation_loss": [above + surface.noise[self._at, seed] for seed in self._seeds]}

        def state(self) -> Mapping[int, Any]:
            return {seed: {"epoch": self._epoch} for seed in self._seeds}

        def baseline(self) -> Mapping[str, float]:
            return {"validation_loss": 30.0}

        def close(self) -> None:
            pass

    return OnSurface


def outcome(share: float, repetition: int) -> dict[str, float]:
    """Plays plan and search on one surface; returns the regret of each, and what the plan cost."""
    surface, levels = Surface(share, repetition), list(range(LEVELS))
    trainer = trainer_of(surface)
    plan = {
        "first": {"one_at_a_time": {"a": levels}},
        "second": {"from": "first", "one_at_a_time": {"b": levels}},
        "third": {"from": ["first", "second"], "one_at_a_time": {"c": levels}},
    }
    common: dict[str, Any] = {"recording": {}, "seeds": SEEDS, "epochs": EPOCHS, "confirm": {"seeds": 1}}
    base = dict.fromkeys(FACTORS, 0)
    planned = latent_tune.simulate(latent_tune.Study(name="plan", base=base, plan=plan, **common), trainer=trainer)
    spent = int(planned.status()["seed_epochs_spent"])
    space = {name: {"choice": levels} for name in FACTORS}
    found = {"plan": surface.regret(_chosen(planned)), "seed_epochs": float(spent)}
    for method in ("tpe", "random"):
        search = {"method": method, "seed": repetition}
        study = latent_tune.Study(name=method, space=space, search=search, budget={"seed_epochs": spent}, **common)
        found[method] = surface.regret(_chosen(latent_tune.simulate(study, trainer=trainer)))
    return found


def _chosen(result: latent_tune.Result) -> tuple[int, ...]:
    assert result.best is not None
    return tuple(int(result.best.parameters[name]) for name in FACTORS)


def main() -> int:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=60)
    parser.add_argument("--first", type=int, default=1000)
    given = parser.parse_args()
    rows = []
    for words, share in INTERACTIONS.items():
        found = [outcome(share, given.first + place) for place in range(given.repetitions)]
        row: dict[str, Any] = {
            "interactions": words,
            "seed_epochs": round(fmean(one["seed_epochs"] for one in found), 1),
        }
        for who in ("plan", "tpe", "random"):
            regrets = [one[who] for one in found]
            row[who] = round(fmean(regrets), 3)
            row[f"{who}_se"] = round(stdev(regrets) / sqrt(len(regrets)), 3)
        gaps = [one["plan"] - one["tpe"] for one in found]
        row["plan_minus_tpe"], row["its_se"] = round(fmean(gaps), 3), round(stdev(gaps) / sqrt(len(gaps)), 3)
        rows.append(row)
        print(row, flush=True)
    what = "regret of a plan of three rounds and of one search at equal cost, in standard deviations over combinations"
    made_by = f"python -m benchmarks.plan_carried --repetitions {given.repetitions} --first {given.first}"
    record("plan_carried", what, made_by, rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
