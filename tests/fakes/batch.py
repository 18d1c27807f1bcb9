"""What the tests of batch systems share: where the scripts lie, and a trainer that says on which node it trains."""

import os
import sys
from pathlib import Path

import psutil

SCRIPT = Path(__file__).parents[2] / "cluster"

_TRAINER = '''
"""Trains as Quadratic does, and writes down the node on which it does; slowly, until a file named `fast` lies here."""

import os
import time
from pathlib import Path

from tests.fakes.trainers import Quadratic


class Placed(Quadratic):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        with Path(os.environ["QUADRATIC_LOG"]).with_name("places").open("a") as file:
            file.write((os.environ.get("SLURMD_NODENAME") or os.environ["FAKE_HOST"]) + "\\n")

    def _epoch(self, seed):
        if not Path(os.environ["QUADRATIC_LOG"]).with_name("fast").exists():
            time.sleep(0.5)
        return super()._epoch(seed)
'''


def written_trainer(folder: Path) -> None:
    """Writes `placed.py` with the trainer `Placed`, which adds the name of its node to `places` beside the log."""
    (folder / "placed.py").write_text(_TRAINER)


def program_path() -> str:
    """PATH with this interpreter's `latent-tune`, `ray` and `python` in front."""
    return f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def of_job(folder: Path) -> list[str]:
    """What is left of the jobs that were submitted from a folder: files with tokens, and Ray's processes."""
    files = [str(path) for path in folder.glob(".latent-tune-*")]
    return files + [" ".join(process.info["cmdline"]) for process in processes_of_job(folder)]


def processes_of_job(folder: Path, name: str = "") -> list[psutil.Process]:
    """Ray's processes that jobs submitted from a folder have started, those whose name begins so.

    They are told by the token's file in their environment, which lies in that folder.
    """
    place = f"{folder}/.latent-tune-"
    return [
        process
        for process in psutil.process_iter(["name", "cmdline", "environ"])
        if str((process.info["environ"] or {}).get("RAY_AUTH_TOKEN_PATH")).startswith(place)
        and process.info["cmdline"]  # a zombie has none
        and process.info["name"].startswith(name)
    ]
