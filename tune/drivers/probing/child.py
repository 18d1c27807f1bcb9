"""What the process of a short training does: it reads what is asked for, and writes events, a line each."""

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from tune.adapters.loading import load
from tune.drivers.exits import leave_process
from tune.drivers.probing.asked import Sent
from tune.drivers.probing.training import Event, Start, short_training
from tune.drivers.reports import Death
from tune.errors import UserMistake
from tune.study.study import Study
from tune.study.user_code import run_in
from tune.trainer import TrainerClass


def main(request: str, events: str, start: Start | None = None) -> None:
    """Does one short training, writes what it has to tell, and leaves: threads that go on are not waited for.

    Args:
        request: The file that holds what is asked for, see `Sent`.
        events: The file of JSON lines to be written.
        start: Of this process; None: it started from nothing.
    """
    _end_with_parent()
    sent = Sent.loaded(Path(request).read_text(encoding="utf-8"))
    with Path(events).open("w", encoding="utf-8", buffering=1) as out:
        start = start or Start(psutil.Process().create_time())
        out.writelines(json.dumps(event) + "\n" for event in told(sent, start))
        out.write(json.dumps({"ended": True}) + "\n")
    for printed in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # a training may have closed it
            printed.flush()
    leave_process(0)


def told(sent: Sent, start: Start, trainer: TrainerClass | None = None) -> Iterator[Event]:
    """Does one short training in this process, which is its own, and yields what it has to tell, its death included.

    Args:
        sent: What is asked for.
        start: Of this process.
        trainer: The class; None: what the study names is imported.
    """
    try:
        study = Study.model_validate_json(sent.study)
        run_in(sent.paths)
        yield from short_training(sent.asked, study, lambda: load(study) if trainer is None else trainer, start)
    except UserMistake as error:
        yield {"died": str(error), "kind": "mistake"}
    except BaseException as error:  # noqa: BLE001 - of the user's code, told to whoever asked
        death = Death.of(error)
        yield {"died": death.cause, "kind": death.kind, "text": death.text}


def _end_with_parent() -> None:
    """Has this process end when the one that started it does; whatever trains finds nothing to read."""
    held = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def wait() -> None:
        os.read(held, 1)
        leave_process(1)

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()
