"""Trials of Optuna's studies as runs."""

from pathlib import Path

from tune.errors import UserMistake
from tune.ledger.database.optuna_study import read_optuna
from tune.ledger.imports.run import ImportedRun, flat, from_one, number_of, seed_in, without_seed


def read_optuna_runs(file: Path, name: str | None, source: str) -> list[ImportedRun]:
    """Returns the trials of a study that have a value; intermediate ones are a curve, by their step.

    What the user noted of a trial as numbers (`set_user_attr`) are final metrics, but for a seed.

    Args:
        file: An SQLite file.
        name: Of the study; None: the only one there is.
        source: As the user named it.

    Raises:
        UserMistake: If there is no such study, or no trial with a value.
    """
    study = read_optuna(file, name, source)
    found = []
    for trial in study.trials:
        if not trial.values and not trial.intermediate:
            continue
        noted = dict(flat(trial.attributes))
        told = {key: value for key, value in noted.items() if number_of(value) is not None}
        seeds = [seed_in(trial.parameters), seed_in(noted)]
        curves = from_one({study.metric: trial.intermediate} if trial.intermediate else {})
        steps = list(curves.get(study.metric, ()))
        found.append(
            ImportedRun(
                str(trial.number),
                source,
                without_seed(trial.parameters),
                seed=next((seed for seed in seeds if seed is not None), None),
                curves=curves,
                finals={**{key: float(value) for key, value in without_seed(told).items()}, **trial.values},
                seconds=trial.seconds,
                axis="epoch" if not steps or steps[-1] - steps[0] == len(steps) - 1 else "step",
                metric=study.metric,
                maximize=study.maximize,
            )
        )
    if not found:
        raise UserMistake(f"{source}: study {study.name!r} has no trial with a value so far")
    return found
