"""The inline driver: the study in this process, one trial at a time."""

from tune.drivers.job import Job, Manner, Unit
from tune.optimizer import Work


def drive(job: Job) -> None:
    """Works until the study has no work left or is asked to stop."""
    while not job.should_stop():
        work = job.next_work()
        if work is None:
            return
        _train(job, work)


def _train(job: Job, work: Work) -> None:
    ledger = job.optimizer.ledger
    unit = Unit(lambda: job.trainer, job.recording, work, Manner.of(ledger.study, ledger.folder))
    try:
        for item in unit.news():
            job.take(work, [item])
            if work.trial not in job.optimizer.in_flight:
                return
            if job.should_stop():
                unit.save()
                job.optimizer.released(work)
                return
    finally:
        unit.close()
