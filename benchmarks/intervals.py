"""Can what a study says of its winner be believed? The interval of its mean loss, and the trials it is tied with.

    python -m benchmarks.intervals [--budget 2400] [--repetitions 40] [--processes 2]

Our own study plays the objectives of `benchmarks.search` and may use five of the ten seeds. Then:

- Does the 95 % interval of its loss hold the winner's mean loss over those of the five fresh seeds that do not fail?
  Their mean has an error of its own, so the interval, which is one of the true mean from n seeds, is widened by
  sqrt(1 + n / m), m fresh ones: the prediction interval of their mean (Hahn & Meeker 1991, "Statistical Intervals",
  section 4.8). On the formula 200 fresh seeds are drawn.
- Does the 95 % interval of its failure rate hold the rate over all seeds?
- Is the best of the confirmed trials, by the mean over all seeds, the winner or among those that it is said to be tied
  with? And is the best of the whole space?

Losses are counted as in the score. Writes benchmarks/results/intervals.json.
"""

import argparse
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from math import sqrt
from multiprocessing import get_context
from statistics import fmean
from typing import Any, NamedTuple

from benchmarks.record import record
from benchmarks.search import FRESH, quiet, setting_of, studied
from benchmarks.tabular import SEEDS, Configuration, Objective, Table, load
from tune.scoring.intervals import wilson_interval
from tune.scoring.score import counted_loss, has_failed, reported_interval

TABLES = ("connectome-sgd", "connectome-adam", "connectome-wide", "connectome-large", "analytic")
USED, DRAWN = 5, 200


class Said(NamedTuple):
    """What one study said, and whether it was so; None: there was nothing to say it of."""

    loss: bool | None
    failures: bool
    best_of_confirmed: bool
    best_of_all: bool | None
    tied: int


def losses(objective: Objective, configuration: Configuration, seeds: Iterable[int]) -> list[float]:
    """Returns the validation losses after the last epoch."""
    return [objective.curves(configuration, seed)["validation_loss"][-1] for seed in seeds]


def ask(table: str, repetition: int, budget: int) -> Said:
    """Plays one study and checks what it says."""
    quiet()
    from tune.scoring.standings import incumbent, standings, tied

    objective = load(table)
    setting = setting_of(objective, FRESH + repetition, budget)
    with studied(setting, changes=[f"confirm.seeds={USED}"]) as ledger:
        baseline = objective.baseline["validation_loss"]
        ranked = standings(ledger, frozenset())
        best = incumbent(ranked)
        assert best is not None
        alike = [best, *tied(best, ranked, ledger.loss_scale)]
        confirmed = [one for one in ranked if one.state == "confirmed"] or [best]
        rule = ledger.study.score
    assert best.summary is not None
    known = list(setting.seeds[:USED])
    fresh = list(setting.seeds[USED:]) if isinstance(objective, Table) else list(range(SEEDS, SEEDS + DRAWN))

    def value(configuration: Configuration) -> float:
        every = losses(objective, configuration, (*known, *fresh))
        return fmean(counted_loss(loss, baseline, rule.cap) for loss in every)

    found = losses(objective, best.trial.parameters, fresh)
    alive = [loss for loss in found if not has_failed(loss, baseline)]
    holds = None
    if alive and best.summary.failed < best.summary.seeds:
        seen = [loss for loss in best.losses.values() if not has_failed(loss, baseline)]
        low, high = reported_interval(seen, baseline, rule)
        wider = sqrt(1 + len(seen) / len(alive))
        holds = abs(fmean(alive) - (low + high) / 2) <= wider * (high - low) / 2
    every = losses(objective, best.trial.parameters, fresh if len(fresh) > USED else (*known, *fresh))
    rate = fmean(has_failed(loss, baseline) for loss in every)
    truth = {one.number: value(one.trial.parameters) for one in confirmed}
    champion = min(truth, key=lambda number: truth[number])
    whole = None
    if isinstance(objective, Table):
        champion_of_all = min(objective.configurations, key=value)
        whole = any(objective.row(one.trial.parameters) == objective.row(champion_of_all) for one in alike)
    low, high = best.summary.failure_interval
    return Said(
        loss=holds,
        failures=low <= rate <= high,
        best_of_confirmed=champion in {one.number for one in alike},
        best_of_all=whole,
        tied=len(alike) - 1,
    )


def share(values: list[bool | None]) -> dict[str, Any]:
    """Returns the share that is true, with its Wilson interval."""
    known = [value for value in values if value is not None]
    if not known:
        return {"share": None, "interval": None, "count": 0}
    low, high = wilson_interval(sum(known), len(known))
    return {"share": sum(known) / len(known), "interval": [low, high], "count": len(known)}


def main() -> None:
    """Plays, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=TABLES)
    parser.add_argument("--budget", type=int, default=2400)
    parser.add_argument("--repetitions", type=int, default=40)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    names = ("loss", "failures", "best_of_confirmed", "best_of_all")
    print(f"{'':20}{'loss holds':>14}{'failures hold':>16}{'best of confirmed':>20}{'best of all':>14}{'tied':>7}")
    rows: list[dict[str, Any]] = []
    everything: list[Said] = []
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        for table in (*options.tables, "all"):
            futures = [
                pool.submit(ask, table, repetition, options.budget)
                for repetition in (range(options.repetitions) if table != "all" else ())
            ]
            said = everything if table == "all" else [one.result() for one in futures]
            everything = [*everything, *said]
            row = {name: share([getattr(one, name) for one in said]) for name in names}
            rows.append({"table": table, **row, "tied": fmean(one.tied for one in said)})
            cells = ["-" if row[name]["share"] is None else f"{row[name]['share']:.1%}" for name in names]
            shares = f"{cells[0]:>14}{cells[1]:>16}{cells[2]:>20}{cells[3]:>14}"
            print(f"{table:20}{shares}{rows[-1]['tied']:>7.1f}", flush=True)
    what = "share of studies whose interval held the mean of fresh seeds, and whose tied set held the best"
    record("intervals", what, "python -m benchmarks.intervals", rows, budget=options.budget)


if __name__ == "__main__":
    main()
