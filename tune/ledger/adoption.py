"""Which checkpoints a trial may go on from: those that are what was written, and were written by this very trial.

A database that lost its last decisions numbers trials again, so a number alone does not say whose a checkpoint is. What
the trial trains is therefore kept beside its checkpoints, in `configuration.json`, from before the first of them.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tune.ledger.checkpoints import BESIDE, CheckpointStore, damage
from tune.ledger.damaged import log, set_aside
from tune.ledger.files import abandoned, write_atomically


def adopt(store: CheckpointStore, trial: int, trainer: str, configuration: Mapping[str, Any]) -> dict[int, list[int]]:
    """Returns the epochs that a trial may go on from, ascending, by seed; says beside them what the trial trains.

    What is damaged, or of another trial, is set aside. Only the process that works on the study may call this.

    Args:
        store: `checkpoints/` of the study folder.
        trial: Its number.
        trainer: As the study names it.
        configuration: What the trainer is given; plain values.

    Raises:
        OSError: If the folder cannot be written.
    """
    study_folder, home = store.folder.parent, store.folder / str(trial)
    beside = home / BESIDE
    text = json.dumps({"trainer": trainer, "configuration": dict(configuration)}, indent=1, sort_keys=True)
    if beside.exists() and _content(beside) != json.loads(text):
        set_aside(study_folder, home, f"its {BESIDE} is not that of trial {trial} of this study")
    for path in store.files(trial):
        wrong = damage(path)
        if wrong is not None:
            set_aside(study_folder, path, f"cannot be used: {wrong}")
    if not beside.exists():
        home.mkdir(parents=True, exist_ok=True)
        write_atomically(beside, lambda file: file.write(text.encode()))
    found: dict[int, list[int]] = {}
    for seed, epoch in sorted(store.files(trial).values()):
        found.setdefault(seed, []).append(epoch)
    return found


def collect_orphans(study_folder: Path, trials: int) -> None:
    """Removes what killed processes left half-written; sets aside the checkpoints of trials that there are not.

    Args:
        study_folder: The study's.
        trials: How many trials the decisions know.
    """
    for path in abandoned(study_folder):
        path.unlink(missing_ok=True)
        log.warning("%s: removed; a process that was killed left it half-written", path)
    for home in sorted((study_folder / "checkpoints").glob("*")):
        if home.name.isdecimal() and int(home.name) >= trials:
            set_aside(study_folder, home, f"checkpoints of trial {home.name}, which the decisions do not know")


def _content(beside: Path) -> Any:
    try:
        return json.loads(beside.read_bytes())
    except (ValueError, RecursionError):
        return None
