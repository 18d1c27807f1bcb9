"""irace as a competitor; see benchmarks/peers.py. It is an R package: `apt-get install r-cran-irace`, for one."""

import csv
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.peers import Play, Setting
from benchmarks.tabular import EPOCHS, Configuration, Table

_SCRIPT = Path(__file__).with_name("irace.R")
_LEAST = re.compile(r"'maxExperiments' of at least '(\d+)'")
_GRANTED = 1.02
"""So many times the budget it is given, if it begins with no less."""


def installed() -> bool:
    """Says whether there is an R that has irace."""
    rscript = shutil.which("Rscript")
    return (
        rscript is not None
        and not subprocess.run([rscript, "-e", "library(irace)"], check=False, capture_output=True).returncode
    )


def irace(setting: Setting) -> Play:
    """As it comes: training seeds are irace's instances, all epochs each; its best elite.

    It asks for a least number of experiments, which grows with the parameters; with far less it recommends nothing.
    """
    objective = setting.objective
    assert isinstance(objective, Table)
    names = list(objective.space)
    choices = [one["choice"] for one in objective.space.values()]
    # Its words for choices with an order and for others; by their places, so that no value needs to be quoted.
    kinds = ["c" if any(isinstance(value, bool | str) for value in values) else "o" for values in choices]
    with tempfile.TemporaryDirectory() as folder:
        space = [
            f'{name} "" {kind} ({",".join(str(place) for place in range(len(values)))})'
            for name, kind, values in zip(names, kinds, choices, strict=True)
        ]
        Path(folder, "parameters.txt").write_text("\n".join(space) + "\n")
        with Path(folder, "losses.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow([*names, *(f"seed {seed}" for seed in setting.seeds)])
            for one in objective.configurations:
                places = [values.index(one[name]) for name, values in zip(names, choices, strict=True)]
                rows.writerow([*places, *(setting.losses(one, seed)[-1] for seed in setting.seeds)])
        best = _best_elite(folder, setting.seed, setting.budget // EPOCHS)
    configuration: Configuration | None = None
    if best is not None:
        configuration = {name: values[place] for name, values, place in zip(names, choices, best, strict=True)}
    yield 0, lambda: configuration


def _best_elite(folder: str, seed: int, experiments: int) -> list[int] | None:
    """Returns the places of its values; None where irace will not begin with so few experiments."""
    done = _run(folder, seed, experiments)
    if (least := _LEAST.search(done.stderr)) is not None:
        if int(least[1]) > _GRANTED * experiments:
            return None
        experiments = int(least[1])
        done = _run(folder, seed, experiments)
    if done.returncode != 0:
        raise RuntimeError(f"irace: {done.stderr.strip()[-500:]}")
    *places, used = map(int, done.stdout.split())
    assert used <= experiments, f"irace used {used} of {experiments} experiments"
    return places


def _run(folder: str, seed: int, experiments: int) -> subprocess.CompletedProcess[str]:
    command = ["Rscript", str(_SCRIPT), folder, str(seed % (2**31 - 1)), str(experiments)]
    return subprocess.run(command, check=False, capture_output=True, text=True)
