"""The kinds of faults of a storm: what dies, what fills up, what is damaged."""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from random import Random

import psutil

from benchmarks.faults import shim
from benchmarks.faults.storm import Fault, Storm

_RAYLET = "raylet"
_ACTOR = ("ray::UnitTrainable", "ray::ResourceTrainable")  # between two calls, and in one


def _kill_driver(storm: Storm) -> None:
    assert storm.process is not None
    family = storm.family()
    storm.process.kill()
    storm.bury(family)


def _kill_everything(storm: Storm) -> None:
    assert storm.process is not None
    family = storm.family()
    storm.process.kill()
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    storm.bury(family)


def _kill_actor(storm: Storm) -> None:
    with suppress(psutil.NoSuchProcess):
        storm.find(_ACTOR).kill()


def _kill_raylet(storm: Storm) -> None:
    """Without its raylet a Ray of one machine is over; the driver must notice and leave."""
    storm.find(_RAYLET).kill()
    storm.until(lambda: False)


def _pause_actor(storm: Storm) -> None:
    """Stops the actor for good; whoever waits for it must notice."""
    with suppress(psutil.NoSuchProcess):
        storm.find(_ACTOR).suspend()


def _terminate(storm: Storm) -> None:
    assert storm.process is not None
    storm.process.terminate()
    storm.until(lambda: False)


def _armed_kill(storm: Storm) -> Mapping[str, str]:
    if storm.preload is None:
        return {}
    mark = storm.cwd / f"mark-{len(storm.strikes)}"
    action = storm.draw.choice(("kill-before", "kill-half", "kill-after"))
    return shim.dying(storm.preload, storm.folder, mark, action, storm.draw.randint(1, 120))


def _await_mark(storm: Storm) -> None:
    mark = storm.cwd / f"mark-{len(storm.strikes)}"
    storm.until(mark.exists)


def _armed_full(storm: Storm) -> Mapping[str, str]:
    if storm.preload is None:
        return {}
    return shim.full(storm.preload, storm.folder, storm.cwd / "room", 1)


def _fill(storm: Storm) -> None:
    (storm.cwd / "room").touch()
    storm.until(lambda: False)


def _empty(storm: Storm) -> None:
    (storm.cwd / "room").unlink(missing_ok=True)


def _armed_clock(storm: Storm) -> Mapping[str, str]:
    if storm.preload is None:
        return {}
    offset = storm.draw.choice((-86400.0, 86400.0, -3600.0, 3600.0))
    return shim.jumping(storm.preload, storm.draw.uniform(2, 6), offset, "tune.cli")


def _wait_and_kill(storm: Storm) -> None:
    time.sleep(3)
    if storm.alive:
        _kill_driver(storm)


def _damage(pattern: str, harm: Callable[[Path, Random], None]) -> Callable[[Storm], None]:
    def after(storm: Storm) -> None:
        found = sorted(storm.folder.glob(pattern), key=lambda path: path.stat().st_mtime_ns)
        if found and found[-1].stat().st_size:
            harm(found[-1], storm.draw)

    return after


def _truncate(path: Path, draw: Random) -> None:
    with path.open("r+b") as file:
        file.truncate(draw.randrange(path.stat().st_size))


def _flip(path: Path, draw: Random) -> None:
    with path.open("r+b") as file:
        file.seek(draw.randrange(path.stat().st_size))
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ (1 << draw.randrange(8))]))


FAULTS = {
    fault.name: fault
    for fault in (
        Fault("driver killed", _kill_driver),
        Fault("actor killed", _kill_actor),
        Fault("raylet killed", _kill_raylet),
        Fault("everything killed at once", _kill_everything),
        Fault("killed inside a write", _await_mark, arm=_armed_kill),
        Fault("actor stopped", _pause_actor),
        Fault("SIGTERM", _terminate),
        Fault("disk full", _fill, arm=_armed_full, after=_empty),
        Fault("clock jumps", _wait_and_kill, arm=_armed_clock),
        Fault("checkpoint truncated", _kill_driver, after=_damage("checkpoints/*/*.pt", _truncate)),
        Fault("checkpoint, a bit flipped", _kill_driver, after=_damage("checkpoints/*/*.pt", _flip)),
        Fault("curve truncated", _kill_driver, after=_damage("curves/**/*.*", _truncate)),
        Fault("curve, a bit flipped", _kill_driver, after=_damage("curves/**/*.*", _flip)),
        Fault("journal truncated", _kill_driver, after=_damage("study.db-wal", _truncate)),
        Fault("journal, a bit flipped", _kill_driver, after=_damage("study.db-wal", _flip)),
    )
}
"""By name."""
