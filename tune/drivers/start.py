"""What executes a study is made ready here: this process alone, or a Ray that is started or connected to."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

from tune.drivers.calibration import refuse_unused_gpu_hours
from tune.drivers.job import Job
from tune.drivers.ray.own_processes import watch_vital
from tune.drivers.stop_request import StopRequest
from tune.errors import UserMistake
from tune.gpus import visible_gpus
from tune.ledger.identity import holds_study
from tune.study.node import ACCELERATOR, CPU, accelerators
from tune.study.study import Study


@contextmanager
def warmed_up(study: Study, folder: Path, driver: str, address: str | None, stop: StopRequest) -> Iterator[None]:
    """Starts Ray here and now for a study that goes on, while PyTorch is imported, which takes about as long.

    A new study is looked at first: whoever made a mistake in it need not wait for Ray to be told.

    Args:
        study: The study.
        folder: Its folder.
        driver: ray, inline or ask_tell.
        address: Of a Ray cluster; to that `prepared` connects, and nothing is warmed up.
        stop: Listens while Ray is taken down, which may hang.
    """
    if driver != "ray" or address is not None or not holds_study(folder):
        yield
        return
    from tune.drivers.ray.environment import set_environment

    set_environment(None)
    from tune.drivers.ray.connection import cluster

    importing = Thread(target=_import_torch, name="import torch", daemon=True)
    importing.start()
    try:
        with cluster(study):
            try:
                yield
            except KeyboardInterrupt:
                stop.ask()  # nobody listened yet; from here on its patience runs
                raise
            finally:
                stop.listen()
    finally:
        importing.join()


def _import_torch() -> None:
    with suppress(Exception):  # told by whatever needs it first
        import torch  # noqa: F401


@contextmanager
def prepared(study: Study, folder: Path, recording: Any, driver: str, address: str | None) -> Iterator[Any]:
    """Has at hand what the driver needs; what it cannot have is said before anything is written.

    Args:
        study: The study.
        folder: Its folder.
        recording: What its trainer is given.
        driver: ray, inline or ask_tell.
        address: Of a Ray cluster; None starts Ray on this machine.

    Yields:
        The recording on its way to the nodes of a cluster; None where there is none.

    Raises:
        UserMistake: If the cluster cannot be reached, has no room for a trial, or a node lacks what the study needs.
    """
    if driver != "ray":
        refuse_unused_gpu_hours(study, len(visible_gpus()))
        if driver == "inline":
            refuse_other_machines(study)
        yield None
        return
    from tune.drivers.ray.environment import set_environment

    set_environment(address)
    from tune.drivers.ray.connection import cluster
    from tune.drivers.ray.node_checks import refuse_blind_nodes
    from tune.drivers.ray.recording import share_recording

    with cluster(study, address):
        refuse_blind_nodes(study, folder)
        yield share_recording(recording, study.recording, joinable=address is not None)


def drive(job: Job, driver: str, address: str | None, shared: Any, stop: StopRequest) -> None:
    """Works until the study has no work left or is asked to stop.

    Args:
        job: The study.
        driver: ray or inline.
        address: Of a Ray cluster.
        shared: What `prepared` yielded.
        stop: Told when Ray's own processes end, without which it would hang.

    Raises:
        StudyStopped: If the study cannot go on.
    """
    if driver == "inline":
        from tune.drivers.inline import drive as drive_inline

        drive_inline(job)
        return
    from tune.drivers.ray.connection import watch_head
    from tune.drivers.ray.driver import drive as drive_ray

    # The head of a cluster may be started again, and Ray waits for it; but one who is to stop has nothing to wait for.
    head_lives = watch_head() if address is not None else lambda: True
    vital_live = watch_vital()
    with stop.needing(lambda: vital_live() and (not stop() or head_lives())):
        drive_ray(job, address, shared)


def refuse_other_machines(study: Study) -> None:
    """Raises UserMistake if trials of a study are to train on machines between which one process cannot choose."""
    kinds = accelerators(study)
    if not kinds or (kinds == [CPU] and not visible_gpus()):
        return
    raise UserMistake(
        f"{ACCELERATOR}: {', '.join(kinds)}: --driver inline trains everything in this process, on whatever it has; "
        "give --driver ray, which places each trial"
    )
