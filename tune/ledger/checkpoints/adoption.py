"""Which checkpoints a trial may go on from: those that are what was written, and were written by this very trial.

A database that lost its last decisions numbers trials again, so a number alone does not say whose a checkpoint is. What
the trial trains is therefore kept beside its checkpoints, in `configuration.json`, from before the first of them.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tune.ledger.checkpoints.store import BESIDE, CheckpointStore
from tune.ledger.log import log
from tune.ledger.storage.files import abandoned


def adopt(store: CheckpointStore, trial: int, trainer: str, configuration: Mapping[str, Any]) -> dict[int, list[int]]:
    """Returns the epochs that a trial may go on from, ascending, by seed; says beside them what the trial trains.

    What is damaged, or of another trial, is set aside. Only the process that works on the study may call this.

    Args:
        store: Of the study.
        trial: Its number.
        trainer: What trains, in one line.
        configuration: What the trainer is given; plain values.

    Raises:
        OSError: If the folder cannot be written.
        StudyStopped: If the object store refuses, or was away for too long.
    """
    folder, beside = store.folder, f"{trial}/{BESIDE}"
    text = json.dumps({"trainer": trainer, "configuration": dict(configuration)}, indent=1, sort_keys=True)
    there = beside in folder.files(str(trial))
    if there and _content(store, beside) != json.loads(text):
        folder.set_aside(str(trial), f"its {BESIDE} is not that of trial {trial} of this study")
        there = False
    for name in store.files(trial):
        wrong = store.damage(name)
        if wrong is not None:
            folder.set_aside(name, f"cannot be used: {wrong}")
    if not there:
        folder.write(beside, lambda file: file.write(text.encode()))
    found: dict[int, list[int]] = {}
    for seed, epoch in sorted(store.files(trial).values()):
        found.setdefault(seed, []).append(epoch)
    return found


def collect_orphans(study_folder: Path, store: CheckpointStore, trials: int) -> None:
    """Removes what killed processes left half-written; sets aside the checkpoints of trials that there are not.

    Args:
        study_folder: The study's.
        store: Its checkpoints.
        trials: How many trials the decisions know.
    """
    elsewhere = store.folder.disk if store.folder.disk not in (None, study_folder / "checkpoints") else None
    for folder in (study_folder, *([elsewhere] if elsewhere else [])):
        for path in abandoned(folder):
            path.unlink(missing_ok=True)
            log.warning("%s: removed; a process that was killed left it half-written", path)
    for trial in store.trials():
        if trial >= trials:
            store.folder.set_aside(str(trial), f"checkpoints of trial {trial}, which the decisions do not know")


def _content(store: CheckpointStore, beside: str) -> Any:
    try:
        with store.folder.open(beside) as file:
            return json.loads(file.read())
    except (ValueError, RecursionError, FileNotFoundError):
        return None
