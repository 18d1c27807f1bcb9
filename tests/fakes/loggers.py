"""Loggers that keep what they are told, and such as misbehave."""

import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tune.views.trackers.logger import Run, RunState


class Recorded:
    """Appends everything that it is told to a file, a line of JSON each, and knows nothing of it afterwards.

    Args:
        file: Where.
    """

    def __init__(self, file: str) -> None:
        self._file = Path(file)

    def start(self, run: Run) -> None:
        self._write("start", run, parameters=dict(run.parameters), parent=run.parent and run.parent.id)

    def epoch(self, run: Run, epoch: int, metrics: Mapping[str, float]) -> None:
        self._write("epoch", run, epoch=epoch, metrics=dict(metrics))

    def end(self, run: Run, state: RunState, summary: Mapping[str, float]) -> None:
        self._write("end", run, state=state, summary=dict(summary))

    def close(self) -> None:
        self._write("close", None)

    def _write(self, what: str, run: Run | None, **told: Any) -> None:
        line = json.dumps(
            {"what": what, "run": run and run.name, "id": run and run.id, "kind": run and run.kind, **told}
        )
        with self._file.open("a") as out:
            out.write(line + "\n")


class Asked(Recorded):
    """The same, but looks up in its file up to which epoch it has a run, as MLflow does."""

    def start(self, run: Run) -> int:  # type: ignore[override]
        super().start(run)
        return max((line["epoch"] for line in told(self._file, "epoch", run.name)), default=0)


class Rewritten(Asked):
    """Keeps nothing of a run that is started: it wants it whole each time, as an offline W&B does."""

    def start(self, run: Run) -> int:  # type: ignore[override]
        lines = [line for line in told(self._file) if line["run"] != run.name or line["what"] != "epoch"]
        self._file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return super().start(run)


class Away(Asked):
    """Takes nothing as long as the file `away` is there."""

    def __init__(self, file: str, away: str) -> None:
        super().__init__(file)
        self._away = Path(away)

    def _write(self, what: str, run: Run | None, **told: Any) -> None:
        if self._away.exists() and what != "close":
            raise ConnectionError("http://me:hunter2hunter2@tracker/: connection refused")
        super()._write(what, run, **told)


class Leaves(Recorded):
    """Ends the process, it thinks, at its first epoch."""

    def epoch(self, run: Run, epoch: int, metrics: Mapping[str, float]) -> None:
        raise SystemExit(3)


class Hangs(Recorded):
    """Never comes back from its first epoch."""

    def epoch(self, run: Run, epoch: int, metrics: Mapping[str, float]) -> None:
        threading.Event().wait()


class Deadly(Asked):
    """Kills its process with -9 after it has taken so many epochs, once, before anybody else knows that it has.

    Args:
        file: As of the others.
        after: How many.
        mark: A file that is made then.
    """

    def __init__(self, file: str, after: int, mark: str) -> None:
        super().__init__(file)
        self._left, self._mark = after, Path(mark)

    def epoch(self, run: Run, epoch: int, metrics: Mapping[str, float]) -> None:
        super().epoch(run, epoch, metrics)
        self._left -= 1
        if self._left == 0 and not self._mark.exists():
            self._mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
            threading.Event().wait()  # the signal is on its way


def told(file: Path, what: str | None = None, run: str | None = None) -> list[dict[str, Any]]:
    """What such a logger was told, in order."""
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [line for line in lines if what in (None, line["what"]) and run in (None, line["run"])]


def epochs_told(file: Path) -> Counter[tuple[Any, ...]]:
    """How often each epoch of each run was told; parts of one epoch by their metrics."""
    return Counter((line["run"], line["epoch"], *sorted(line["metrics"])) for line in told(file, "epoch"))
