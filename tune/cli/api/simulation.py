"""Studies in virtual time."""

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tune.adapters.loading import load
from tune.cli.api.result import Result
from tune.cli.api.study import Study, refuse_no_study
from tune.cli.session.given import with_given
from tune.drivers.config_checks import config_check, judged_as_known, refuse_configurations
from tune.drivers.job import Job
from tune.drivers.simulated import VirtualClock, drive
from tune.errors import UserMistake
from tune.ledger.ledger import Ledger
from tune.optimizer.optimizer import Optimizer
from tune.study.user_code import folder_kept, working_folder
from tune.trainer import prepare_recording


def simulate(
    study: Study,
    trainer: Callable[..., Any] | None = None,
    slots: int = 1,
    folder: str | Path | None = None,
) -> Result:
    """Works on a study in virtual time, with any number of slots, and returns what it came to.

    Its trainer trains here, an epoch at a time, and an epoch lasts as long as its metric `seconds` says, or a virtual
    second per seed. So a strategy can be tried on a table of results, or a study on a machine that is not there.

    Args:
        study: The study.
        trainer: As of `run`.
        slots: How many units of work are trained at once; 1 or more.
        folder: The study's, which must be new; None: a temporary one, which lives as long as the result.

    Raises:
        UserMistake: If something given cannot be used.
        StudyStopped: If the study cannot go on.
    """
    refuse_no_study(study)
    if isinstance(slots, bool) or not isinstance(slots, int) or slots < 1:
        raise UserMistake(f"slots: a whole number from 1 is needed, got {slots!r}")
    named, given = with_given(study.plain, trainer)
    scratch = tempfile.TemporaryDirectory(prefix="latent-tune-") if folder is None else None
    place = Path(scratch.name if scratch is not None else str(folder)).absolute()
    place = place / study.name if scratch is not None else place
    with folder_kept(), ExitStack() as at_the_end:
        working_folder(study.home)
        found = load(named) if given is None else given.trainer
        named = judged_as_known(named, found)
        refuse_configurations(named, found)
        recording = prepare_recording(found, named.recording)
        refuse_configurations(named, found, recording)
        ledger, clock = Ledger.open(named, place, clock=time.time, detail={"driver": "simulated"}), VirtualClock()
        at_the_end.callback(lambda: None if ledger.sessions[-1].ended else ledger.close("stopped"))
        optimizer = Optimizer(ledger, clock, config_check(found, recording))
        drive(Job(optimizer, recording, found), slots, clock)
        optimizer.finish()
        ledger.close("finished")
    return Result.read(place, scratch=scratch)
