"""What a study is going to do, before it does it: `run --dry-run`."""

from collections.abc import Sequence
from math import ceil

from rich.console import Console

from tune.optimizer.pending import most_pending
from tune.study.ladder import Stage, stages
from tune.study.study import Study
from tune.views import wording
from tune.views.console import plain_table

_PATIENT = (
    "In it slots wait for results, to spend seed-epochs on what is known by then; with budget.wall_clock or "
    "search.trials in place of budget.seed_epochs none waits."
)

_ANEW = (
    "a run that climbs to more epochs trains again from its first, which costs time beside these seed-epochs. A ladder "
    "that adds seeds and not epochs costs none"
)


def print_plan(study: Study, slots: int, seed_epoch_s: float, console: Console, anew: str = "") -> None:
    """Prints trials, rungs, seeds, cost and the expected time.

    Args:
        study: The study.
        slots: How many trials run at once.
        seed_epoch_s: How long one epoch of one seed takes.
        console: Where.
        anew: Why a run that is to train longer begins at its first epoch again; "" where it goes on.
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
    total, budget = sum(stage.seed_epochs for stage in planned) + racers * extra, study.budget.seed_epochs
    if budget is not None:
        total = min(total, budget)
    lines = [f"About {wording.count(total, 'seed-epoch')}" + (f" of a budget of {budget:,}." if budget else ".")]
    expected_s = _in_turn(study, planned, total, slots) * seed_epoch_s
    pace = f"{wording.duration(seed_epoch_s)} per epoch of one seed, {wording.count(slots, 'trial')} at once"
    lines.append(f"Expected time: {wording.duration(expected_s)} ({pace}).")
    if slots > (most_pending(study, study.trials) or slots):
        lines.append(_PATIENT)
    lines += _limits(study, total, expected_s, seed_epoch_s * study.resources.gpus / 3600)
    if anew and study.rungs[0].epochs < study.top.epochs:
        lines.append(f"{anew}: {_ANEW}{' (leave `rungs` out)' if study.program is not None else ''}.")
    for line in lines:
        console.print(line, highlight=False)


def _limits(study: Study, total: int, expected_s: float, seed_epoch_gpu_hours: float) -> list[str]:
    """Returns what is said of GPUs and of the budgets of time and money.

    Args:
        study: The study.
        total: Seed-epochs of ladder and race.
        expected_s: How long all of it takes.
        seed_epoch_gpu_hours: What one epoch of one seed uses.
    """
    lines: list[str] = []
    if seed_epoch_gpu_hours:
        expected = total * seed_epoch_gpu_hours
        bill = study.budget.bill(expected)
        priced = "" if bill is None else f", {wording.money(bill)}"
        lines.append(f"Expected use of GPUs: {wording.gpu_hours(expected)}{priced}.")
    wall_clock, gpu_hours, money = study.budget.wall_clock, study.budget.gpu_hours, study.budget.money
    if wall_clock is not None:
        reach = _reach(wall_clock / expected_s, total)
        lines.append(f"It stops after {wording.duration(wall_clock)} in any case. At this pace that is {reach}.")
    if gpu_hours is not None and seed_epoch_gpu_hours:
        reach = _reach(gpu_hours / (total * seed_epoch_gpu_hours), total)
        lines.append(f"It stops after {wording.gpu_hours(gpu_hours)} in any case. At this pace that is {reach}.")
    if money is not None and (whole := study.budget.bill(total * seed_epoch_gpu_hours)):
        reach = _reach(money / whole, total)
        lines.append(f"It stops after {wording.money(money)} in any case. At this pace that is {reach}.")
    return lines


def _in_turn(study: Study, planned: Sequence[Stage], total: int, slots: int) -> float:
    """Returns the seed-epochs that pass on one slot, those included for which it waits for others.

    Args:
        study: The study.
        planned: Its ladder.
        total: Seed-epochs of ladder and race.
        slots: How many trials run at once.
    """
    begun = planned[0].trials
    freely = sum(most_pending(study, number) is None for number in range(begun))
    informed = min(slots, most_pending(study, begun) or slots)
    turns = [ceil(freely / slots) + ceil((begun - freely) / informed)]
    turns += [ceil(stage.trials / slots) for stage in planned[1:]]
    climb = sum(stage.seed_epochs for stage in planned)
    passed = sum(turn * stage.seed_epochs / stage.trials for turn, stage in zip(turns, planned, strict=True))
    # The race gives seeds one at a time where seed-epochs are limited, else as many as can be.
    at_once = 1 if study.budget.seed_epochs is not None else min(slots, study.confirm.finalists)
    return passed * min(1.0, total / climb) + max(0, total - climb) / at_once


def _reach(share: float, total: int) -> str:
    """Returns how far a budget reaches that pays for such a share of a plan's seed-epochs."""
    if share >= 1:
        return "enough for all of it"
    return f"enough for about {int(share * total):,} of its seed-epochs ({wording.percent(share, 0)})"
