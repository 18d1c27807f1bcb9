"""The studies in a folder, a line for each: how they stand, read only, whoever works on them meanwhile."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tune.errors import UserMistake
from tune.ledger.identity import holds_study
from tune.ledger.reader import LedgerReader
from tune.scoring.standings import Standing, standings
from tune.views import wording
from tune.views.console import plain_table
from tune.views.terminal.status import StudyState, best_of, study_state

_RECENT_S = 90.0


@dataclass(frozen=True)
class StudyLine:
    """How one study stands.

    Attributes:
        folder: Its folder.
        name: Its name.
        state: running, or how the last process ended that worked on it.
        trials, planned: How many trials were begun, and how many there are to be.
        best: The best trial so far; None before any has reached a rung.
        spent: Seed-epochs trained, each counted once.
        seen: When a process that works on it was last heard of, in seconds since the epoch; None: never.
    """

    folder: Path
    name: str
    state: StudyState
    trials: int
    planned: int
    best: Standing | None
    spent: int
    seen: float | None


@dataclass(frozen=True)
class Studies:
    """What lies in a folder.

    Attributes:
        folder: The folder.
        now: When it was looked at, in seconds since the epoch.
        studies: Those in it, by name.
        others: What is there besides, and why it is not listed, by name of the folder.
    """

    folder: Path
    now: float
    studies: tuple[StudyLine, ...]
    others: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """Returns it as plain values; `docs/terminal.md` says every key."""
        shown: dict[str, Any] = wording.plain(
            {
                "folder": str(self.folder),
                "studies": [_keys(line, self.now) for line in self.studies],
                "others": [{"folder": str(self.folder / name), "why": why} for name, why in self.others.items()],
            }
        )
        return shown


def list_studies(folder: Path, clock: Callable[[], float], *, connect: bool = False) -> Studies:
    """Looks at every study in a folder.

    Args:
        folder: Where `run` puts studies, such as results/.
        clock: Seconds since the epoch.
        connect: Whether to connect to servers that studies name.

    Raises:
        UserMistake: If there is no such folder, it cannot be read, or it is a study's itself.
    """
    try:
        places = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise UserMistake(
            f"{folder}: cannot be listed: {error.strerror}; give the folder in which studies lie, such as results"
        ) from None
    if (folder / "study.yaml").exists() and holds_study(folder):
        raise UserMistake(
            f"{folder}: is a study itself; see it with latent-tune status {folder}, or list {folder.parent}"
        )
    found, others = [], {}
    for place in places:
        try:
            found.append(_line(place, clock, connect=connect))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one study, the others are to be seen
            others[place.name] = _why(place, error)
    return Studies(folder, clock(), tuple(found), others)


def print_studies(found: Studies, console: Console) -> None:
    """Prints a line for each study, and what else lies there."""
    if not found.studies:
        console.print(Text(f"no study in {found.folder}"), soft_wrap=True)
    else:
        console.print(_table(found))
    for name, why in found.others.items():
        console.print(Text(f"{found.folder / name}: {why}"), highlight=False, soft_wrap=True)


def _line(folder: Path, clock: Callable[[], float], *, connect: bool) -> StudyLine:
    ledger = LedgerReader.read(folder, clock=clock, connect=connect)
    seen = ledger.last_sign()
    return StudyLine(
        folder=folder,
        name=ledger.study.name,
        state=study_state(ledger),
        trials=len(ledger.trials),
        planned=ledger.study.trials,
        best=best_of(ledger, standings(ledger, ledger.in_flight)),
        spent=ledger.spent,
        seen=seen or None,
    )


def _why(folder: Path, error: Exception) -> str:
    """Returns in one line why a folder is not listed."""
    with suppress(PermissionError):  # of which the error speaks
        if (folder / "training.yaml").is_file():
            return "a training of `latent-tune train`, no study"
        if not any((folder / name).exists() for name in ("study.yaml", "study.db")):
            return "no study"
    message = ": ".join(line.strip() for line in str(error).splitlines()[:2])
    message = message.removeprefix(f"{folder}: ").removeprefix(f"{folder}/")
    return f"cannot be read: {message or type(error).__name__}"


def _table(found: Studies) -> Table:
    table = plain_table(f"Studies in {found.folder}")
    for name in ("study", "state", "trials", "best", "score", "failed", "spent", "last sign"):
        table.add_column(name, justify="left" if name in ("study", "state") else "right", overflow="fold")
    for line in found.studies:
        table.add_row(*(Text(cell) for cell in _cells(line, found.now)))
    return table


def _cells(line: StudyLine, now: float) -> tuple[str, ...]:
    best, summary = line.best, line.best.summary if line.best is not None else None
    provisional = "" if best is None or best.state == "confirmed" else "?"
    ago = wording.UNKNOWN if line.seen is None else f"{wording.duration(max(0.0, now - line.seen))} ago"
    if line.state == "running" and line.seen is not None and now - line.seen < _RECENT_S:
        ago = "now"
    return (
        line.name if line.name == line.folder.name else f"{line.name} ({line.folder.name}/)",
        line.state,
        f"{line.trials:,}/{line.planned:,}",
        wording.UNKNOWN if best is None else f"{best.number}{provisional}",
        wording.UNKNOWN if best is None else wording.number(best.score),
        wording.UNKNOWN if summary is None else f"{summary.failed}/{summary.seeds}",
        f"{line.spent:,}",
        ago,
    )


def _keys(line: StudyLine, now: float) -> dict[str, Any]:
    best = line.best
    return {
        "study": line.name,
        "folder": str(line.folder),
        "state": line.state,
        "trials": line.trials,
        "planned_trials": line.planned,
        "incumbent": None
        if best is None or best.summary is None
        else {
            "number": best.number,
            "score": best.score,
            "confirmed": best.state == "confirmed",
            "failure_rate": best.summary.failure_rate,
        },
        "seed_epochs_spent": line.spent,
        "last_sign": line.seen,
        "last_sign_age_s": None if line.seen is None else max(0.0, now - line.seen),
    }
