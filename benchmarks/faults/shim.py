"""Builds the library of faults inside system calls, and says how a process is started under it."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")


def build(folder: Path) -> Path | None:
    """Compiles the library into a folder; None where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = folder / "shim.so"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"], check=True)
    return library


def dying(library: Path, study: Path, mark: Path, action: str, nth: int) -> Mapping[str, str]:
    """Returns the environment in which whoever first makes its nth write, sync or rename in a study dies there.

    Args:
        library: As built.
        study: The study folder.
        mark: Is made when it happens; nothing happens once it is there.
        action: kill-before, kill-half or kill-after.
        nth: From 1, counted in each process by itself.
    """
    mine = {"FAULTS_ACTION": action, "FAULTS_NTH": str(nth), "FAULTS_MARK": str(mark)}
    return {"LD_PRELOAD": str(library), "FAULTS_FOLDER": str(study), **mine}


def full(library: Path, study: Path, room: Path, nth: int) -> Mapping[str, str]:
    """Returns the environment in which, while `room` is there, every write from the nth on fails with ENOSPC."""
    mine = {"FAULTS_ACTION": "enospc", "FAULTS_NTH": str(nth), "FAULTS_ROOM": str(room)}
    return {"LD_PRELOAD": str(library), "FAULTS_FOLDER": str(study), **mine}


def jumping(library: Path, after_s: float, offset_s: float, of: str) -> Mapping[str, str]:
    """Returns the environment in which the wall clock of processes whose command line holds `of` jumps once."""
    return {"LD_PRELOAD": str(library), "FAULTS_CLOCK": f"{after_s}:{offset_s}", "FAULTS_CLOCK_OF": of}
