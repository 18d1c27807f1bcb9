"""The inline driver: the study in this process, one trial at a time."""

from tune.drivers.job import Job, Manner, Unit, cause_of
from tune.optimizer import Work


def drive(job: Job) -> None:
    """Works until the study has no work left or is asked to stop."""
    while not job.should_stop():
        work = job.optimizer.next_work()
        if work is None:
            return
        try:
            _train(job, work)
        except Exception as error:  # whatever a trainer raises is a dead trial, not the end of the study
            if work.trial not in job.optimizer.in_flight:
                raise  # it was the ledger that failed, after the work had been handed back
            job.died(work, *cause_of(error))


def _train(job: Job, work: Work) -> None:
    ledger = job.optimizer.ledger
    unit = Unit(job.trainer, job.recording, work, Manner.of(ledger.study, ledger.folder))
    try:
        for report in unit.reports():
            job.take(work, [report], unit.baseline())
            if job.should_stop() and report.epoch < work.to_epoch:
                unit.save()
                ledger.saved(work.trial, work.seeds, report.epoch)
                job.optimizer.released(work)
                return
    finally:
        unit.close()
