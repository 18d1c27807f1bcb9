"""Checking a study from Python."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tune.cli.api.study import Study, refuse_no_study
from tune.cli.api.training import Driver, known_driver
from tune.cli.session.checking import CheckRequest, keep
from tune.cli.session.checking import check as check_study
from tune.cli.session.given import with_given
from tune.errors import UserMistake
from tune.scoring.check.checked import Checked
from tune.study.checking import MOST_MINUTES
from tune.study.user_code import folder_kept, working_folder
from tune.views.console import Terminal
from tune.views.terminal.check import print_check


def check(
    study: Study,
    trainer: Callable[..., Any] | None = None,
    results: str | Path = "results",
    driver: Driver = "inline",
    *,
    address: str | None = None,
    minutes: float | None = None,
    progress: bool = True,
) -> Checked:
    """Trains the middle and the ends of a study's space for a few epochs, and says go or no-go (docs/check.md).

    Each training has a process of its own; where the trainer was defined in a notebook or script, which no other
    process can import, all are done in this one. What was found is kept in the study's folder for `run`.

    Args:
        study: The study.
        trainer: As of `run`.
        results: The folder in which the study's folder is, or is made.
        driver: On which the study is going to run, as of `run`.
        address: As of `run`.
        minutes: How long it may take; None: `check.minutes` of the study.
        progress: Whether to print what was found.

    Returns:
        What was found: `verdict` (go, warning, no-go), `items`, `estimate`; `plain` has all of it.

    Raises:
        UserMistake: If something given cannot be used.
    """
    refuse_no_study(study)
    if minutes is not None and not 0 < minutes <= MOST_MINUTES:
        raise UserMistake(f"minutes: must be above 0 and at most {MOST_MINUTES}, got {minutes!r}")
    named, given = with_given(study.plain, trainer)
    with folder_kept():
        (place,) = working_folder(study.home, Path(results).absolute())
        found = check_study(named, CheckRequest(known_driver(driver), place, address, minutes, given))
        keep(found, place / study.name)
    if progress:
        print_check(found, Terminal())
    return found
