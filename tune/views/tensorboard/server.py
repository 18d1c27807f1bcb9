"""TensorBoard over a study's files, in this process, for this machine only."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

from tune.errors import UserMistake
from tune.ledger.reader import LedgerReader
from tune.scoring.standings import standings
from tune.views.tensorboard.event_file import event_file
from tune.views.tensorboard.writer import TensorBoard, group_of

_SHOWN = 4
"""Trials whose bands are chosen; more hide each other."""
_CHOSEN = 40  # runs: of more TensorBoard chooses none
_MOST_PORTS = 65535


def bring_up_to_date(ledger: LedgerReader) -> str:
    """Writes what is missing or damaged in a study's `tensorboard/`.

    Returns:
        Why that could not be done, where something is there all the same; "" where it is up to date, or where a process
        works on the study, which keeps it so.

    Raises:
        UserMistake: If nothing is there, and nothing can be written.
    """
    if ledger.live:
        return ""
    try:
        TensorBoard(ledger, thorough=True).close()
    except OSError as error:
        folder = ledger.folder / "tensorboard"
        why = f"{folder}: cannot be written: {error.strerror}"
        if event_file(folder).is_file():
            return f"{why}; what follows may be out of date"
        raise UserMistake(f"{why}; copy the study to where you can write, and open it there") from error
    return ""


def serve(folder: Path, port: int) -> str:
    """Starts TensorBoard in a thread that ends with this process.

    Args:
        folder: What it shows.
        port: On 127.0.0.1; 0: one that is free.

    Returns:
        Its address, without a slash at the end.

    Raises:
        UserMistake: If it cannot listen there.
    """
    from tensorboard import program

    allowed = "a number from 1 to 65535, or 0 for one that is free"
    if not 0 <= port <= _MOST_PORTS:
        raise UserMistake(f"--port: {port} is no port; give {allowed}")
    server = program.TensorBoard()
    server.configure(argv=["tensorboard", "--logdir", str(folder), "--host", "127.0.0.1", "--port", str(port)])
    try:
        address: str = server.launch()
    except program.TensorBoardPortInUseError:
        raise UserMistake(f"--port: {port} is in use on 127.0.0.1; give another, or 0 for one that is free") from None
    except program.TensorBoardServerException as error:
        raise UserMistake(f"--port: {port} cannot be listened on: {error.msg}; give {allowed}") from error
    return address.rstrip("/")


def pages(ledger: LedgerReader, address: str) -> Mapping[str, str]:
    """Returns the addresses of the pages worth opening, by what they show.

    TensorBoard chooses no run on some pages where there are more than 40, and on Time Series where there are more than
    500, so these addresses choose; and it smooths, which hides spikes.

    Args:
        ledger: The study.
        address: Of the TensorBoard.
    """
    found = {"trials side by side": f"{address}/#hparams", "curves of every seed": f"{address}/#timeseries"}
    ranked = [one.number for one in standings(ledger, frozenset()) if one.rung is not None]
    fitting = min(_SHOWN, max(1, _CHOSEN // ledger.study.most_seeds))
    if ranked:
        best, few = ranked[:_SHOWN], ranked[:fitting]
        found[f"curves of the best {len(few)}"] = f"{address}/#scalars&_smoothingWeight=0&regexInput={_runs_of(few)}%2F"
        bands = f"{address}/#custom_scalars&_smoothingWeight=0&regexInput={_runs_of(best)}%24"
        found[f"bands of the best {len(best)}"] = bands
    return {**found, "study file and incumbent": f"{address}/#text&regexInput={quote('^[.]$', safe='')}"}


def _runs_of(trials: Iterable[int]) -> str:
    """Returns the beginning of the names of some trials' runs, as a regular expression in an address."""
    numbers = "|".join(group_of(number).removeprefix("trial-") for number in sorted(trials))
    return quote(f"^trial-({numbers})", safe="()")
