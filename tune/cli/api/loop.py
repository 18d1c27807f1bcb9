"""Whoever has a training loop of their own: what to train next is asked for, and what came of it is told."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tune.cli.api.study import Study, refuse_no_study
from tune.cli.session.existing import as_there, is_finished, ledger_there
from tune.cli.session.given import looped
from tune.cli.session.show import Show, views
from tune.cli.session.work import Request, finish, ready, results_at_the_end, session
from tune.drivers.ask_tell import AskTell


@contextmanager
def ask_tell(study: Study, folder: str | Path, *, baseline: Mapping[str, float] | None = None) -> Iterator[AskTell]:
    """Has a loop of yours train a study: it asks for work and tells what came of it, an epoch at a time.

    What was told is in the study's folder, as with every other driver: a process that ends, or is killed, is followed
    by another that does the same. When nothing is left to be asked for, leaving this finishes the study and writes its
    report; left before, the study goes on the next time.

    Args:
        study: The study; what it names as its trainer is not used.
        folder: The study's; made where it is not there.
        baseline: Metrics of a model that has learned nothing, by name; a run that is no better has failed.

    Yields:
        What to ask and tell, see `tune.drivers.ask_tell.AskTell`.

    Raises:
        UserMistake: If the study or its folder cannot be used, or a process works on it.
        Interrupted: If it was asked to stop; what was told is kept.
    """
    refuse_no_study(study)
    (named, given), place = looped(study.plain), Path(folder).absolute()
    request, show = Request("ask_tell", given=given, owned=False), Show("quiet", io.StringIO())
    there = ledger_there(named, place, grow=False)
    named = as_there(named, there)
    if there is not None:
        is_finished(named, there, grow=False)  # refuses another study
    with ready(named, place, there, request, show.console) as able, session(able) as job:
        search = AskTell(job, baseline)
        with views(job, show):
            yield search
            if search.over:
                finish(job, able)
        if search.over:
            results_at_the_end(job)
        else:
            search.release()
            job.optimizer.ledger.close("interrupted")
