"""Which runs are meant by what a user names, and what reads them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tune.errors import UserMistake, did_you_mean
from tune.ledger.identity import holds_study
from tune.ledger.imports.event_files import holds_event_files, read_event_files
from tune.ledger.imports.mlflow import holds_mlflow, read_mlflow
from tune.ledger.imports.run import ImportedRun
from tune.ledger.imports.table import read_table
from tune.ledger.imports.wandb import holds_wandb, read_json, read_wandb
from tune.ledger.storage.files import readable

_TABLES, _JSON, _DATABASES = (".csv", ".tsv", ".parquet"), (".json", ".jsonl"), (".db", ".sqlite", ".sqlite3")
WHAT = (
    "a run is STUDY_FOLDER/NUMBER, of a plan STUDY_FOLDER/ROUND/ARM, a CSV or Parquet file, a folder of TensorBoard's "
    "event files, a run of W&B (its "
    "folder, CSV or JSON) or MLflow (mlruns/...), Optuna's FILE.db or FILE.db:STUDY; one of several in it: SOURCE/NAME"
)


@dataclass(frozen=True)
class Asked:
    """What is asked of one source.

    Attributes:
        source: As the user named it.
        path: Where it is.
        study: Of Optuna's, which of those in a file; None: not said.
        keys: Of its runs; empty: all.
    """

    source: str
    path: Path
    study: str | None = None
    keys: tuple[str, ...] = ()


def read_runs(arguments: Sequence[str], *, metrics: Sequence[str] = (), connect: bool = False) -> list[ImportedRun]:
    """Returns the runs that a user names, in that order.

    Args:
        arguments: `results/a/3`, `results/a 3 7`, `earlier.csv`, `tb-folder`, `file.db:study` ...
        metrics: Columns of tables that are metrics in any case.
        connect: Whether to connect to servers that a study names.

    Raises:
        UserMistake: If something is not there, cannot be read, or holds no runs.
    """
    return [run for one in asked(arguments) for run in _chosen(one, metrics, connect=connect)]


def asked(arguments: Sequence[str]) -> list[Asked]:
    """Returns what is asked of each source; numbers after one choose among its runs.

    Raises:
        UserMistake: If something is not there.
    """
    found: list[Asked] = []
    for argument in arguments:
        if argument.removeprefix("-").isdecimal() and found:
            last = found.pop()
            found.append(Asked(last.source, last.path, last.study, (*last.keys, argument)))
        else:
            found.append(_one(argument))
    joined: list[Asked] = []
    for one in found:  # results/a/3 results/a/7 are one source: its runs share what they share
        same = next((at for at, other in enumerate(joined) if (other.path, other.study) == (one.path, one.study)), None)
        if same is None:
            joined.append(one)
        else:
            other = joined[same]
            keys = (*other.keys, *one.keys) if other.keys and one.keys else ()
            joined[same] = Asked(other.source, other.path, other.study, keys)
    return joined


def _one(argument: str) -> Asked:
    if not argument.strip():
        raise UserMistake(f"an empty name is no run; {WHAT}")
    for path, keys in _cuts(argument):
        try:
            if path.exists():
                source = argument[: -len(keys) - 1] if keys else argument
                return Asked(source.rstrip("/") or argument, path, keys=(keys,) if keys else ())
            file, _, study = path.name.partition(":")
            there = path.with_name(file) if study and file not in ("", ".", "..") else path
            if study and there.is_file():
                source = argument[: -len(keys) - 1] if keys else argument
                return Asked(source, there, study, (keys,) if keys else ())
        except (OSError, ValueError):  # a name too long, or with a null byte
            continue
    raise UserMistake(f"{argument}: no such file, folder or run, looked for from {Path.cwd()}; {WHAT}")


def _cuts(argument: str) -> Iterator[tuple[Path, str]]:
    """Yields a name as a path and what is asked of it: `a/b/3` as it is, then `a/b` and `3`, then `a` and `b/3`."""
    parts = argument.rstrip("/").split("/") if argument.rstrip("/") else [argument]
    for cut in range(len(parts), 0, -1):
        head = "/".join(parts[:cut])
        if head:
            yield Path(head), "/".join(parts[cut:])


def _chosen(one: Asked, metrics: Sequence[str], *, connect: bool) -> list[ImportedRun]:
    with readable(one.path):
        if one.path.is_dir() and holds_study(one.path):
            return _of_study(one, connect=connect)
        runs = _alike(_read(one, metrics))
    if not one.keys:
        return runs
    keys = list(dict.fromkeys(run.key for run in runs))
    for key in one.keys:
        if key not in keys:
            raise UserMistake(f"{one.source}: no run {key!r} in it{did_you_mean(key, keys[:20])}")
    return [run for key in dict.fromkeys(one.keys) for run in runs if run.key == key]


def _alike(runs: list[ImportedRun]) -> list[ImportedRun]:
    """Returns the runs of a source, all by step where some are: one that told a single step looks like an epoch."""
    steps = any(run.axis == "step" for run in runs)
    return [replace(run, axis="step") for run in runs] if steps else runs


def _of_study(one: Asked, *, connect: bool) -> list[ImportedRun]:
    from tune.ledger.imports.study_folder import read_study

    if not one.keys:
        raise UserMistake(
            f"{one.source}: is a study; say which of its trials: {one.source}/NUMBER, or {one.source} NUMBER NUMBER"
        )
    return read_study(one.path, one.source, one.keys, connect=connect)


def _read(one: Asked, metrics: Sequence[str]) -> list[ImportedRun]:
    path, source = one.path, one.source
    ending = path.suffix.lower()
    if path.is_dir():
        return _of_folder(path, source, metrics)
    if one.study is not None or ending in _DATABASES:
        from tune.ledger.imports.optuna import read_optuna_runs

        return read_optuna_runs(path, one.study, source)
    if ending in _TABLES:
        return read_table(path, source, metrics)
    if ending in _JSON:
        return read_json(path, source, metrics)
    if "tfevents" in path.name:
        return read_event_files(path, source)
    if ending == ".wandb":
        return read_wandb(path.parent, source, metrics)
    raise UserMistake(
        f"{source}: is read by its ending, and {ending or 'none'!r} is none of .csv, .tsv, .parquet, .json, .jsonl, "
        ".db, .sqlite, .wandb, tfevents"
    )


def _of_folder(path: Path, source: str, metrics: Sequence[str]) -> list[ImportedRun]:
    if holds_mlflow(path):
        return read_mlflow(path, source)
    if holds_wandb(path):
        return read_wandb(path, source, metrics)
    studies = [one.name for one in sorted(path.iterdir())[:200] if one.is_dir() and holds_study(one)]
    if studies:
        raise UserMistake(
            f"{source}: holds studies ({', '.join(studies):.200}); say which trial: {source}/{studies[0]}/NUMBER"
        )
    if holds_event_files(path):
        return read_event_files(path, source)
    tables = [one.name for one in sorted(path.iterdir()) if one.suffix.lower() in (*_TABLES, *_JSON)]
    hint = f"; it holds {', '.join(tables):.200}, so give such a file" if tables else ""
    raise UserMistake(
        f"{source}: holds no runs that can be read; looked for: a study (study.yaml), MLflow (meta.yaml), W&B "
        f"(config.yaml, wandb-summary.json), TensorBoard (*tfevents*){hint}"
    )
