"""Which form of the score finds the better setting?

    python -m benchmarks.scores [--tables connectome-sgd connectome-adam] [--budget 1200] [--repetitions 40]
                                [--processes 2]

Our own study plays the objectives of `benchmarks.search` with its score replaced: the capped mean of the seeds' losses,
that plus their standard deviation, the default (with priors and unrest), and an upper quantile of the loss that a fresh
seed would have (Student's t; Geisser 1993, "Predictive Inference", section 2.2). Prints regret and the share of
recommendations that fail on at least one of ten seeds, with standard errors; writes benchmarks/results/scores.json.
"""

import argparse
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from math import inf, isfinite, sqrt
from multiprocessing import get_context
from statistics import fmean
from typing import Any
from unittest.mock import patch

from benchmarks.record import mean_and_error, record
from benchmarks.search import play_ours, quiet, setting_of
from benchmarks.tabular import load
from tune.scoring.intervals import student_quantile
from tune.scoring.score import counted_loss, prior_sd, score
from tune.study.sections import ScoreRule

Form = Callable[[Sequence[float], float, ScoreRule, float], float]


def capped_mean(losses: Sequence[float], baseline: float, rule: ScoreRule, unrest: float) -> float:
    """Returns the mean of the counted losses and nothing else."""
    plain = rule.model_copy(update={"risk": 0.0, "prior_failures": 0.0, "unrest": 0.0})
    return score(losses, baseline, plain, unrest)


def mean_and_sd(losses: Sequence[float], baseline: float, rule: ScoreRule, unrest: float) -> float:
    """Returns the mean plus the standard deviation, without priors and unrest."""
    plain = rule.model_copy(update={"prior_spread": 0.0, "prior_failures": 0.0, "unrest": 0.0})
    return score(losses, baseline, plain, unrest)


def quantile(losses: Sequence[float], baseline: float, rule: ScoreRule, unrest: float) -> float:
    """Returns the 80 % quantile of a fresh seed's counted loss, its spread with the prior of the default."""
    counted = [counted_loss(loss, baseline, rule.cap) for loss in losses]
    if not all(isfinite(loss) for loss in counted):
        return inf
    wider = sqrt(1 + 1 / len(counted))
    mean = score(losses, baseline, rule.model_copy(update={"risk": 0.0}), unrest)
    return mean + student_quantile(0.8, len(counted)) * wider * prior_sd(counted, rule)


FORMS: dict[str, Form] = {
    "default": score,
    "capped mean": capped_mean,
    "mean and sd": mean_and_sd,
    "80 % quantile": quantile,
}


def play(table: str, form: str, repetition: int, budget: int) -> tuple[float, float]:
    """Returns regret and whether what is recommended fails."""
    quiet()
    objective = load(table)
    with patch("tune.optimizer.rung_result.score", FORMS[form]):
        found = play_ours(setting_of(objective, repetition, budget))
    assert found is not None
    truth = objective.truth(found)
    return truth.loss - objective.best, truth.fails


def main() -> None:
    """Plays, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", default=["connectome-sgd", "connectome-adam"])
    parser.add_argument("--budget", type=int, default=1200)
    parser.add_argument("--repetitions", type=int, default=40)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        for table in options.tables:
            for form in FORMS:
                todo = [pool.submit(play, table, form, one, options.budget) for one in range(options.repetitions)]
                regrets, fails = zip(*(one.result() for one in todo), strict=True)
                regret, error = mean_and_error(regrets)
                rows.append(
                    {"table": table, "form": form, "regret": regret, "regret_error": error, "fails": fmean(fails)}
                )
                print(f"{table:20}{form:16}{regret:8.4f} ± {error:.4f} / {fmean(fails):.2f}", flush=True)
    what = "regret in baselines, and share of recommendations that fail on a seed, by form of the score"
    about = {"budget": options.budget, "repetitions": options.repetitions}
    record("scores", what, "python -m benchmarks.scores", rows, **about)


if __name__ == "__main__":
    main()
