"""Trials of our own studies, each seed a run."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path
from typing import Any

import numpy as np

from tune.errors import UserMistake
from tune.ledger.arms import placed_arms
from tune.ledger.curves.arrays import mask_of, values_of
from tune.ledger.imports.run import ImportedRun, flat, is_epochs
from tune.ledger.reader import LedgerReader
from tune.ledger.records import Trial

_OWN = ("trial", "seed", "epoch", "evaluated", "epochs_redone", "gpu_seconds")
_TRAINS, _SETTINGS = ("function", "program", "trainer", "recording"), ("score", "resources")
"""Keys of a study that a plan of further runs has as well; settings only where they are not the default."""


def read_study(folder: Path, source: str, keys: Sequence[str], *, connect: bool) -> list[ImportedRun]:
    """Returns the runs of some trials of a study; see `LedgerReader.read`.

    Args:
        folder: Of the study.
        source: As the user named it.
        keys: Numbers of trials.
        connect: As of `LedgerReader.read`.

    Raises:
        UserMistake: If there is no such study or trial, or one has not trained.
    """
    ledger = LedgerReader.read(folder, clock=time.time, connect=connect)
    return runs_of_trials(ledger, source, [number_in(ledger, source, key) for key in keys])


def number_in(ledger: LedgerReader, source: str, key: str) -> int:
    """Returns the number of a trial of a study, of a plan also by round and arm, as `optimizer/fast`.

    Raises:
        UserMistake: If it has none such.
    """
    most = len(ledger.trials) - 1
    arms = {one.arm.full_name: one.trial for one in placed_arms(ledger)}
    if (trial := arms.get(key)) is not None:
        return trial.number
    if key in arms:
        raise UserMistake(f"{source}: arm {key} is not trained yet; latent-tune status {source} says what is missing")
    allowed = f"its trials are 0 to {most}" if most >= 0 else "it has no trials yet"
    allowed += f", its arms {', '.join([*arms][:8])}{' ...' if len(arms) > 8 else ''}" if arms else ""
    if not (key.isascii() and key.isdecimal() and len(key) < 10 and int(key) <= most):
        raise UserMistake(f"{source}: no trial {key} in this study; {allowed}")
    return int(key)


def runs_of_trials(ledger: LedgerReader, source: str, numbers: Sequence[int]) -> list[ImportedRun]:
    """Returns the runs of trials of a study that is open, by trial and then by seed.

    Raises:
        UserMistake: If one has not trained so far.
    """
    table = ledger.curves()
    told: dict[tuple[int, int], dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    gpu_seconds: dict[tuple[int, int], float] = defaultdict(float)
    for row in table.filter(mask_of(np.isin(values_of(table["trial"]), numbers))).to_pylist():
        place = row["trial"], row["seed"]
        for name, value in row.items():
            if value is not None and name not in _OWN:
                told[place][name][row["epoch"]] = float(value)
        gpu_seconds[place] += row.get("gpu_seconds") or 0.0
    shared = _shared(ledger)
    found = []
    for number in numbers:
        trial = ledger.trials[number]
        for seed, decided in _decided(ledger, trial).items():
            if (number, seed) not in told:  # its curves are lost
                told[number, seed][ledger.study.score.metric] = decided
        seeds = [seed for seed in ledger.study.seeds if (number, seed) in told]
        if not seeds:
            raise UserMistake(f"{source}: trial {number} has trained nothing so far, so there is nothing to compare")
        curves = {seed: {name: dict(sorted(one.items())) for name, one in told[number, seed].items()} for seed in seeds}
        seconds = _seconds(curves)
        found += [
            ImportedRun(
                str(number),
                source,
                _configuration(ledger, trial),
                seed=seed,
                curves=curves[seed],
                seconds=seconds.get(seed),
                gpu_seconds=gpu_seconds[number, seed] or None,
                **shared,
            )
            for seed in seeds
        ]
    return found


def _decided(ledger: LedgerReader, trial: Trial) -> dict[int, dict[int, float]]:
    """Returns the scored metric that decisions have kept, by seed and then by the epochs of the rungs."""
    found: dict[int, dict[int, float]] = defaultdict(dict)
    for rung, reached in trial.reached.items():
        for seed, loss in reached.losses.items():
            found[seed][ledger.study.rungs[rung].epochs] = loss
    return found


def _shared(ledger: LedgerReader) -> dict[str, Any]:
    """Returns what is the same for all runs of a study."""
    study = ledger.study
    rungs = [rung.epochs for rung in study.rungs]
    told = study.model_dump(mode="json", by_alias=True, include=set(_TRAINS))
    own = study.model_dump(mode="json", by_alias=True, include=set(_SETTINGS), exclude_defaults=True)
    kept = {key: value for key, value in told.items() if value is not None} | {k: v for k, v in own.items() if v}
    return {
        "metric": study.score.metric,
        "maximize": study.score.maximize,
        "baseline": ledger.scored_baseline,
        "surroundings": {
            "what trains": study.what_trains,
            **{f"recording.{name}": value for name, value in flat(study.recording)},
        },
        "study": {**kept, "name": study.name, "seeds": list(study.seeds), "epochs": study.top.epochs, "rungs": rungs},
    }


def _configuration(ledger: LedgerReader, trial: Trial) -> dict[str, Any]:
    """Returns what makes a trial: its parameters, the study's fixed values, and for how long it was to train."""
    found = dict(flat({**ledger.study.fixed, **trial.parameters}))
    if not any(map(is_epochs, found)):
        found["epochs"] = ledger.study.top.epochs
    return found


def _seconds(curves: Mapping[int, Mapping[str, Mapping[int, float]]]) -> dict[int, float]:
    """Returns the wall seconds of each seed: those that train side by side share an epoch's, and split it here."""
    sharing: dict[tuple[int, float], int] = defaultdict(int)
    for one in curves.values():
        for place in one.get("seconds", {}).items():
            sharing[place] += 1
    told = {seed: one["seconds"] for seed, one in curves.items() if "seconds" in one}
    return {
        seed: sum((value / sharing[epoch, value] for epoch, value in one.items()), 0.0) if one else nan
        for seed, one in told.items()
    }
