"""How trials pack on the GPUs of a Ray cluster: one short run on each type, before the study starts."""

import time
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

import ray

from tune.adapters.loading import load
from tune.drivers.calibration import Measured, own_gpu, refuse_unused_gpu_hours, short_run
from tune.drivers.gpu_packing import GpuNode, GpuSlots, Packed, Packing, asked, detail_of, in_words, packing_from
from tune.drivers.job import Job
from tune.drivers.ray.nodes import Nodes
from tune.drivers.ray.recording import SharedRecording
from tune.drivers.reports import failure_class
from tune.errors import UserMistake
from tune.ledger.log import log
from tune.study.study import Study
from tune.study.user_code import run_in, user_path
from tune.trainer import TrainerClass

_TYPE = "accelerator_type:"
_LOOK_S = 1.0
_LONG_S = 60.0


def gpu_slots(job: Job, nodes: Nodes, recording: SharedRecording) -> GpuSlots | None:
    """Returns the GPUs that trials are packed on; None where a study does not ask for that, or there is none to use.

    Types that the ledger does not know are measured, and what came of it is put there.

    Raises:
        UserMistake: If no machine with a GPU has the cores that a trial asks for, or the budget is of GPUs that there
            are not.
    """
    study = job.optimizer.study
    if study.resources.gpus_per_trial != "auto":
        return None
    cpus = study.resources.cpus_per_trial
    with_gpu = [node for node in machines(nodes) if node.gpus]
    there = {node.kind for node in with_gpu if node.cpus >= cpus}
    if with_gpu and not there:
        most = max(node.cpus for node in with_gpu)
        raise UserMistake(
            f"resources.cpus_per_trial: {cpus:g}, but no machine with a GPU has more than {most:g} cores; lower it"
        )
    packing = _packing(job, there, recording)
    used = [kind for kind in there if kind not in packing or packing[kind].trials]
    refuse_unused_gpu_hours(study, len(used))
    return GpuSlots(packing, cpus, partial(machines, nodes)) if used else None


def machines(nodes: Nodes) -> list[GpuNode]:
    """Returns what the machines of the cluster that live offer to packing."""
    return [GpuNode(one.total.get("CPU", 0.0), one.total.get("GPU", 0.0), one.accelerator) for one in nodes.now]


def _packing(job: Job, kinds: Collection[str], recording: SharedRecording) -> Packing:
    """Returns how many trials share a GPU of each type: what the ledger says, and what is measured now."""
    study, ledger = job.optimizer.study, job.optimizer.ledger
    seeds = study.rung_seeds(len(study.rungs) - 1)
    before = packing_from(ledger.packed) if ledger.packed is not None else {}
    known = {kind: one for kind, one in before.items() if one.seeds == len(seeds)}
    packing = {**known, **_measure_all(job, sorted(set(kinds) - known.keys()), seeds, recording)}
    if (packing != before or ledger.packed is None) and not job.should_stop():
        ledger.decide("pack", reason=in_words(packing), detail=detail_of(packing))
        job.watch()
    return packing


def _measure_all(job: Job, kinds: Sequence[str], seeds: tuple[int, ...], recording: SharedRecording) -> Packing:
    """Measures on one GPU of each type, at the same time."""
    if not kinds:
        return {}
    study, shared = job.optimizer.study, ray.put(recording)
    sent = None if job.by_name else job.trainer
    runs = {}
    for kind in kinds:
        # A process of its own, so that the memory is given back.
        there: dict[str, Any] = {"num_cpus": study.resources.cpus_per_trial, "num_gpus": 1, "max_calls": 1}
        mark = {name: amount for name, amount in asked(1, kind, 1).items() if name.startswith(_TYPE)}
        task = ray.remote(**there, resources=mark)(_measure_here)
        runs[task.remote(study, sent, shared, seeds, user_path())] = kind
    began, waiting, warned = time.monotonic(), list(runs), False
    while waiting and not job.should_stop():
        _, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=_LOOK_S)
        if waiting and not warned and time.monotonic() - began > _LONG_S:
            warned = True
            of = ", ".join(runs[one] or "GPU" for one in waiting)
            log.warning("resources.gpus_per_trial: auto waits for a short run on a free GPU of each type: %s", of)
    for one in waiting:
        ray.cancel(one, force=True)
    return {kind: _outcome(run, len(seeds)) for run, kind in runs.items() if run not in waiting}


def _measure_here(
    study: Study, sent: TrainerClass | None, recording: SharedRecording, seeds: tuple[int, ...], paths: list[str]
) -> Measured | None:
    """Measures in this process; None where its GPU cannot be asked."""
    run_in(paths)
    gpu, trainer = own_gpu(), load(study) if sent is None else sent
    return None if gpu is None else short_run(trainer, study, recording.here(), seeds, gpu)


def _outcome(run: Any, seeds: int) -> Packed:
    """Returns what came of a short run; where it died, trials have a GPU to themselves, and say themselves why."""
    try:
        measured = ray.get(run)
    except ray.exceptions.RayError as error:
        cause = error.cause if isinstance(error, ray.exceptions.RayTaskError) else error
        if failure_class(cause) == "out_of_memory":
            return Packed.unmeasured(f"out of memory with {seeds} seeds when measured", 0)
        first = next(iter(str(cause).splitlines()), "")
        log.warning("the short run on a GPU died: %s: %s", type(cause).__name__, first)
        return Packed.unmeasured(f"the short run died: {type(cause).__name__}: {first}", 0)
    if measured is None:
        return Packed.unmeasured("NVML does not answer there", 0)
    return Packed.of(measured, seeds)
