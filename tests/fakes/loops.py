"""A training loop of a user's own, which asks what is next and tells what came of it."""

from tune.drivers.ask_tell import AskedWork, AskTell
from tune.drivers.job import Job
from tune.errors import StudyStopped


def drive_by_asking(job: Job) -> None:
    """Drives a study by asking and telling, with the trainer that it names, until nothing is left or it is to stop."""
    search = AskTell(job)
    while not job.should_stop() and (work := search.ask()) is not None:
        _train(job, search, work)
    search.release()


def _train(job: Job, search: AskTell, work: AskedWork) -> None:
    try:
        trainer = job.trainer(dict(work.config), job.recording, list(work.seeds), work.state)
        job.optimizer.ledger.set_baseline(trainer.baseline())
        for epoch, metrics in enumerate(trainer.train(work.to_epoch - work.from_epoch), work.from_epoch + 1):
            stopping = job.should_stop()
            search.tell(work, metrics, trainer.state() if stopping or epoch == work.to_epoch else None)
            if stopping:
                return
        trainer.close()
    except StudyStopped:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a trainer dies of
        search.fail(work, error)
