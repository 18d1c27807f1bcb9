"""What is kept of units of work that go wrong: the log of each trial."""

import getpass
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tune.ledger.printable import printable


def trial_log(folder: Path, trial: int) -> Path:
    """Returns the file in a study folder that has the tracebacks and stack dumps of a trial; its folder is made."""
    path = folder.resolve() / "logs" / f"trial-{trial}.log"
    path.parent.mkdir(exist_ok=True)
    return path


def node_folder(folder: Path) -> Path:
    """Returns a study folder where this machine sees it, else a folder of its own for what belongs there.

    Args:
        folder: The study's.
    """
    if folder.is_dir():
        return folder
    mine = Path(tempfile.gettempdir()) / f"latent-tune-{getpass.getuser()}" / folder.name
    mine.mkdir(mode=0o700, parents=True, exist_ok=True)
    return mine


def write_log(folder: Path, trial: int, text: str) -> Path:
    """Appends to the log of a trial and returns its path, as one finds it from where the study folder was named.

    Raises:
        OSError: If it cannot be written.
    """
    path = trial_log(folder, trial)
    now = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    with path.open("a", encoding="utf-8") as file:
        file.write(printable(f"{now} {text.rstrip()}\n"))
    return folder / "logs" / path.name
