"""What a study is made from now, held against what its results are of."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from tune.ledger.made_from import MadeFrom, refuse_different
from tune.ledger.reader import LedgerReader
from tune.study.study import Study
from tune.trainer import source_of

MADE_FROM = "made-from.json"
"""In the folder of a training, what it is made from; a study has that in its ledger."""


def origin(study: Study, there: LedgerReader | None, accepted: Collection[str] = (), again: str = "") -> MadeFrom:
    """Returns what a study is made from: its recording's files and its trainer's source.

    A study that has trained nothing has no results that could be mixed with others, so anything may change.

    Args:
        study: The study.
        there: As it is; None where it is new.
        accepted: What may be another from now on: `recording`, `code`.
        again: The command that goes on with it; by default `resume`.

    Raises:
        StudyConflict: If something else is not what it was.
    """
    before = there.made_from if there is not None else None
    now = MadeFrom.of(study.recording, study.trainer, source_of(study.trainer), before)
    if there is not None and before is not None and there.spent:
        refuse_different(before.differences(now), there.folder, accepted, again)
    return now


def training_origin(
    recording: Mapping[str, Any], trainer: str, folder: Path, accepted: Collection[str], again: str
) -> MadeFrom:
    """Returns what a training without a study is made from.

    Args:
        recording: As its file has it.
        trainer: Its name.
        folder: Of the training.
        accepted: As of `origin`.
        again: The command that continues it.

    Raises:
        StudyConflict: If something else is not what it was.
    """
    try:
        before = MadeFrom.model_validate_json((folder / MADE_FROM).read_bytes())
    except (OSError, ValueError):  # new, of an earlier version, or damaged
        before = None
    now = MadeFrom.of(recording, trainer, source_of(trainer), before)
    if before is not None:
        refuse_different(before.differences(now), folder, accepted, again)
    return now.with_missing(before)
