"""Which search finds a setting that holds on every seed, and at what cost? Ours and the others on the same objectives.

    python -m benchmarks.search [--tables connectome-sgd analytic] [--competitors ours asha] [--budgets 300 1200]
                                [--repetitions 40] [--first 1000] [--processes 2] [--append]
    python -m benchmarks.search --markdown                                # the results as in docs/search.md
    python -m benchmarks.search --competitors ours --budgets 1200 --set score.risk=0     # is a default worth it?

Every repetition has a randomness of its own, and its own order of the ten training seeds; all competitors see the same
curves and pay one unit per epoch of one seed. Our defaults were chosen on repetitions below 1,000; the results that are
kept begin there (`--first`). What each recommends is what its users would take (benchmarks/peers.py). A recommendation
is judged by the objective's truth: mean test loss over all ten seeds after the last epoch, each capped at three
baselines; regret is its distance from the best there is, in baselines. And does it fail on a seed?

Writes benchmarks/results/search-<table>.json and .svg; with --append the rows of others are kept.
"""

import argparse
import json
import logging
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.competitors import LABELS, OURS, PEERS
from benchmarks.peers import Setting, answers
from benchmarks.peers_irace import installed as irace_installed
from benchmarks.search_results import Outcome, compare, markdown, show, summary, write
from benchmarks.tabular import EPOCHS, SEEDS, Configuration, Objective, Table, TabularTrainer, describe, load

if TYPE_CHECKING:
    from tune.ledger.ledger import Ledger

TABLES = ("connectome-sgd", "connectome-adam", "connectome-wide", "connectome-large", "analytic")
BUDGETS = (300, 600, 1200, 2400, 4800)
FRESH = 1000
"""The first repetition on which no default was chosen."""
SCRATCH = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - in memory: a ledger syncs often


class Play(NamedTuple):
    """One play of one competitor, for one budget or for several at once."""

    table: str
    competitor: str
    budgets: tuple[int, ...]
    repetition: int
    changes: tuple[str, ...] = ()


def settings(objective: Objective, seeds: Sequence[int], seed: int, budget: int) -> dict[str, Any]:
    """Returns our study of an objective: the space, the seeds, the budget, and as little else as there can be."""
    return {
        "name": objective.name,
        "trainer": "benchmarks.tabular:TabularTrainer",
        "recording": {"objective": objective.name},
        "space": objective.space,
        "search": {"seed": seed},
        "seeds": list(seeds),
        "epochs": EPOCHS,
        "budget": {"seed_epochs": budget},
    }


@contextmanager
def studied(setting: Setting, slots: int = 1, changes: Sequence[str] = ()) -> "Iterator[Ledger]":
    """Plays our own study in virtual time, changed as by `run --set`; its ledger is there while inside."""
    from tune.drivers.job import Job
    from tune.drivers.simulated import VirtualClock, drive
    from tune.ledger.ledger import Ledger
    from tune.optimizer.optimizer import Optimizer
    from tune.study.reading import read_study

    folder = Path(tempfile.mkdtemp(dir=SCRATCH, prefix="latent-tune-"))
    try:
        file = folder / "study.yaml"
        file.write_text(json.dumps(settings(setting.objective, setting.seeds, setting.seed, setting.budget)))
        study = read_study(file, changes)
        ledger, clock = Ledger.open(study, folder / study.name, clock=time.time), VirtualClock()
        optimizer = Optimizer(ledger, clock)
        drive(Job(optimizer, study.recording, TabularTrainer), slots, clock)
        optimizer.finish()
        yield ledger
        ledger.close("finished")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def play_ours(setting: Setting, slots: int = 1, changes: Sequence[str] = ()) -> Configuration | None:
    """Returns what our own study recommends."""
    from tune.scoring.standings import incumbent, standings

    with studied(setting, slots, changes) as ledger:
        best = incumbent(standings(ledger, frozenset()))
    return None if best is None else best.trial.parameters


def setting_of(objective: Objective, repetition: int, budget: int) -> Setting:
    """Returns a repetition: its randomness, and its order of the training seeds."""
    rng = np.random.default_rng([repetition, 1])
    return Setting(objective, rng.permutation(SEEDS).tolist(), int(rng.integers(2**31)), budget)


def play(one: Play) -> list[Outcome]:
    """Plays, and judges what is recommended; with nothing to recommend a user takes any configuration."""
    quiet()
    began, objective = time.perf_counter(), load(one.table)
    setting = setting_of(objective, one.repetition, max(one.budgets))
    if one.competitor in OURS:
        found = {setting.budget: play_ours(setting, OURS[one.competitor], one.changes)}
    else:
        found = answers(PEERS[one.competitor].play(setting), one.budgets)
    seconds = (time.perf_counter() - began) / len(one.budgets)
    outcomes = []
    for budget, configuration in found.items():
        truth = objective.truth(configuration if configuration is not None else anything(setting))
        regret = truth.loss - objective.best
        outcomes.append(Outcome(one.table, one.competitor, budget, one.repetition, regret, truth.fails, seconds))
    return outcomes


def anything(setting: Setting) -> Configuration:
    """Returns a configuration at random."""
    import optuna

    from benchmarks.peers import distributions

    sampler = optuna.samplers.RandomSampler(seed=setting.seed)
    return dict(optuna.create_study(sampler=sampler).ask(distributions(setting.objective)).params)


def plays(
    objective: Objective,
    competitors: Iterable[str],
    budgets: Sequence[int],
    repetitions: Iterable[int],
    changes: Sequence[str] = (),
) -> list[Play]:
    """Returns what is to be played; who plans by the budget plays once for each."""
    found = []
    for repetition in repetitions:
        for name in competitors:
            peer = PEERS.get(name)
            if peer is not None and not peer.where(objective):
                continue
            if name.startswith("grid"):
                assert isinstance(objective, Table)
                whole = EPOCHS * len(objective.configurations) * (1 if name == "grid-1" else 5)
                rounds: list[tuple[int, ...]] = [(whole,)]  # whatever it costs: half a grid is a random search
            else:
                planned = peer is None or peer.planned
                rounds = [(budget,) for budget in budgets] if planned else [tuple(budgets)]
            found += [Play(objective.name, name, chosen, repetition, tuple(changes)) for chosen in rounds]
    return found


def main() -> None:
    """Plays everything asked for, table by table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=TABLES)
    parser.add_argument("--competitors", nargs="+", choices=list(LABELS), default=list(LABELS))
    parser.add_argument("--budgets", nargs="+", type=int, default=BUDGETS)
    parser.add_argument("--repetitions", type=int, default=40)
    parser.add_argument("--first", type=int, default=FRESH, help="the first of them; to choose a default, take others")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--append", action="store_true", help="keep the rows of what is not played now")
    parser.add_argument("--set", action="append", default=[], dest="changes", help="of ours, as for run; implies --dry")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    parser.add_argument("--markdown", action="store_true", help="play nothing; print the results that are kept")
    options = parser.parse_args()
    if options.markdown:
        print(*markdown(options.tables, options.budgets), sep="\n")
        return
    competitors = available(options.competitors)
    for name in options.tables:
        objective = load(name)
        print(*describe(objective), sep="\n", flush=True)
        repetitions = range(options.first, options.first + options.repetitions)
        todo = plays(objective, competitors, options.budgets, repetitions, options.changes)
        outcomes = run(todo, options.processes)
        if outcomes:
            rows = summary(outcomes) if options.dry or options.changes else write(name, outcomes, append=options.append)
            show(name, rows)
            print(*compare(rows), sep="\n")


def available(competitors: Sequence[str]) -> list[str]:
    """Leaves out what is not installed, and says so."""
    lacking = []
    if find_spec("smac") is None:
        lacking.append(("smac", "SMAC3", "pip install smac"))
    if not irace_installed():
        lacking.append(("irace", "irace", "apt-get install r-cran-irace"))
    for prefix, name, how in lacking:
        if any(one.startswith(prefix) for one in competitors):
            print(f"{name} is left out: it is not installed ({how})")
    return [one for one in competitors if not one.startswith(tuple(prefix for prefix, *_ in lacking))]


def run(todo: Sequence[Play], processes: int) -> list[Outcome]:
    """Plays in processes of their own; a play that fails is said and left out, Ctrl-C keeps what is there."""
    outcomes: list[Outcome] = []
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(play, one): one for one in todo}
        try:
            for count, done in enumerate(as_completed(waiting), start=1):
                if (error := done.exception()) is not None:
                    print(f"{waiting[done]}: {type(error).__name__}: {error}", flush=True)
                    continue
                outcomes += done.result()
                if count % max(1, len(todo) // 10) == 0:
                    print(f"{count} of {len(todo)} played", flush=True)
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            print("interrupted: fewer repetitions than asked for")
    return sorted(outcomes)


def quiet() -> None:
    """One thread, and no word of the libraries."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    warnings.filterwarnings("ignore")
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("ray").setLevel(logging.ERROR)


if __name__ == "__main__":
    main()
