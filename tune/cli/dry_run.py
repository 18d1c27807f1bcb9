"""What a study is going to do, told before it does: `run --dry-run`."""

import os

from rich.text import Text

from tune.adapters.loading import load
from tune.drivers.calibration import gpus_of_one, own_gpu, short_run
from tune.drivers.config_checks import judged_as_known, middle, refuse_configurations, told_refused
from tune.drivers.gpu_packing import Packed, in_words, slots_here
from tune.errors import UserMistake
from tune.gpus import visible_gpus
from tune.ledger.origin.made_from import MadeFrom
from tune.study.study import Study
from tune.trainer import describe_recording, hook, prepare_recording
from tune.views.console import Terminal
from tune.views.terminal.plan import print_plan
from tune.views.terminal.plan_arms import print_arms


def plan(study: Study, driver: str) -> None:
    """Prints what a study is going to do, after all checks and two epochs that are thrown away.

    Raises:
        UserMistake: If the study, its trainer or its recording cannot be used.
    """
    console = Terminal()
    trainer = load(study)
    study = judged_as_known(study, trainer)
    refuse_configurations(study, trainer)
    recording = prepare_recording(trainer, study.recording)
    refuse_configurations(study, trainer, recording)
    for line in describe_recording(trainer, recording) or MadeFrom.of(study.recording, {}).told:
        console.print(Text(f"Recording: {line}"), highlight=False, soft_wrap=True)
    packs = study.resources.gpus_per_trial == "auto" and driver != "inline"
    gpu, here = own_gpu() if packs else None, len(visible_gpus())
    seeds = study.rung_seeds(0 if gpu is None else len(study.rungs) - 1)
    try:
        measured = short_run(trainer, study, recording, seeds, gpu)
    except (Exception, SystemExit) as error:  # what every trial would die of
        tried = f"epochs of {middle(study, trainer, recording)} were tried, and died"
        raise UserMistake(f"{tried}: {type(error).__name__}: {error}") from error
    packed = None if gpu is None else Packed.of(measured, len(seeds))
    gpus = gpus_of_one(study) if packed is None else packed.gpus
    if packed is not None:
        console.print(f"resources.gpus_per_trial: auto: {in_words({'': packed})}.", highlight=False)
    resources = study.resources.model_copy(update={"gpus_per_trial": gpus})
    slots = 1 if driver == "inline" else slots_here(resources, os.cpu_count() or 1, here)
    if slots < 1:
        console.print(
            f"This machine has no room for a trial: it asks for {resources.cpus_per_trial:g} CPU and {gpus:g} GPU, and "
            f"there are {os.cpu_count()} and {here}. Planned for one at a time.",
            highlight=False,
        )
    if refused := told_refused(study, trainer, recording):
        console.print(Text(refused), soft_wrap=True)
    planned = study.model_copy(update={"resources": resources})
    if study.plan:
        print_arms(planned, max(1, slots), measured.epoch_s / len(seeds), console)
        return
    begins_again = hook(trainer, "begins_again")
    anew = "" if begins_again is None else str(begins_again())
    print_plan(planned, max(1, slots), measured.epoch_s / len(seeds), console, anew)
