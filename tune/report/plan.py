"""What a study is going to do, before it does it: `run --dry-run`."""

from rich.console import Console

from tune import wording
from tune.report.tables import plain_table
from tune.rungs import stages
from tune.study import Study


def print_plan(study: Study, slots: int, seed_epoch_s: float, console: Console) -> None:
    """Prints trials, rungs, seeds, cost and the expected time.

    Args:
        study: The study.
        slots: How many trials run at once.
        seed_epoch_s: How long one epoch of one seed takes.
        console: Where.
    """
    planned = stages(study.rungs, study.trials, study.search.reduction_factor)
    table = plain_table(f"{study.name}: {wording.count(study.trials, 'trial')}, chosen by {study.search.method}")
    for name in ("rung", "epochs", "seeds", "trials", "seed-epochs"):
        table.add_column(name, justify="right")
    for index, stage in enumerate(planned):
        rung = stage.rung
        table.add_row(str(index), str(rung.epochs), str(rung.seeds), str(stage.trials), f"{stage.seed_epochs:,}")
    extra = (study.most_seeds - study.top.seeds) * study.top.epochs
    racers = min(study.confirm.finalists, planned[-1].trials)
    if extra:
        epochs, seeds = str(study.top.epochs), str(study.most_seeds)
        table.add_row("race", epochs, seeds, f"≤ {racers}", f"≤ {racers * extra:,}")
    console.print(table)
    total = sum(stage.seed_epochs for stage in planned) + racers * extra
    budget = study.budget.seed_epochs
    if budget is not None:
        total = min(total, budget)
    lines = [f"About {wording.count(total, 'seed-epoch')}" + (f" of a budget of {budget:,}." if budget else ".")]
    pace = f"{wording.duration(seed_epoch_s)} per epoch of one seed, {wording.count(slots, 'trial')} at once"
    lines.append(f"Expected time: {wording.duration(total * seed_epoch_s / slots)} ({pace}).")
    seed_epoch_gpu_hours = seed_epoch_s * study.resources.gpus / 3600
    if seed_epoch_gpu_hours:
        lines.append(f"Expected use of GPUs: {wording.gpu_hours(total * seed_epoch_gpu_hours)}.")
    wall_clock, gpu_hours = study.budget.wall_clock, study.budget.gpu_hours
    if wall_clock is not None:
        reach = _reach(wall_clock * slots / seed_epoch_s, total)
        lines.append(f"It stops after {wording.duration(wall_clock)} in any case. At this pace that is {reach}.")
    if gpu_hours is not None and seed_epoch_gpu_hours:
        reach = _reach(gpu_hours / seed_epoch_gpu_hours, total)
        lines.append(f"It stops after {wording.gpu_hours(gpu_hours)} in any case. At this pace that is {reach}.")
    for line in lines:
        console.print(line, highlight=False)


def _reach(paid: float, total: int) -> str:
    """Returns how far so many seed-epochs reach in a plan."""
    if paid >= total:
        return "enough for all of it"
    return f"enough for about {int(paid):,} of its seed-epochs ({wording.percent(paid / total, 0)})"
