"""Looking at studies from Python: many of them in a table, files for other programs."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from tune.cli.api.result import Result
from tune.views.terminal.studies import list_studies

if TYPE_CHECKING:
    import pandas as pd


def studies(results: str | Path = "results", *, connect: bool = False) -> "pd.DataFrame":
    """Returns a row per study in a folder: how it stands, as `latent-tune list`.

    Args:
        results: Where `run` puts studies.
        connect: As of `open`.

    Raises:
        UserMistake: If there is no such folder.
    """
    import pandas as pd

    found = list_studies(Path(results), time.time, connect=connect)
    rows = [
        {
            "name": one.name,
            "folder": str(found.folder / one.folder),
            "state": one.state,
            "trials": one.trials,
            "planned": one.planned,
            "best": None if one.best is None else one.best.number,
            "score": None if one.best is None else one.best.score,
            "seed_epochs": one.spent,
        }
        for one in found.studies
    ]
    kinds = {"name": "str", "folder": "str", "state": "str", "trials": "int64", "planned": "int64", "best": "Int64"}
    kinds |= {"score": "float64", "seed_epochs": "int64"}
    return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)


def export(
    folder: str | Path, *, csv: str | Path | None = None, parquet: str | Path | None = None, connect: bool = False
) -> list[Path]:
    """Writes a study's tables for other programs; see `Result.export`."""
    return Result.read(Path(folder), connect=connect).export(csv=csv, parquet=parquet)
