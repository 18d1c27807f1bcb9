"""What a plan is going to do, before it does it: `run --dry-run` of a study with rounds."""

from collections.abc import Hashable, Sequence

from rich.console import Console

from tune.study.plan.arms import Arm
from tune.study.study import Study
from tune.views import wording
from tune.views.console import plain_table

_NAME_WIDTH = 31
"""Of 80 columns, what the figures leave."""


def print_arms(study: Study, slots: int, seed_epoch_s: float, console: Console) -> None:
    """Prints every arm in the order in which it is trained, what it costs, and whether the budget has room for it.

    Args:
        study: A plan.
        slots: How many arms train at once.
        seed_epoch_s: How long one epoch of one seed takes.
        console: Where.
    """
    arms = _once(study.arms)
    room = _room(study, slots, seed_epoch_s)
    searched = [name for name, of in study.plan.items() if of.search is not None]
    title = f"{study.name}: {wording.count(len(arms), 'arm')} in {wording.count(len(study.plan), 'round')}"
    table = plain_table(title)
    for heading in ("", "arm", "epochs", "seeds", "seed-\nepochs", "done after", "fits"):
        table.add_column(heading, justify="left" if heading in ("arm", "fits") else "right", overflow="fold")
    spent, left_out = 0, 0
    for place, arm in enumerate(arms, start=1):
        spent += arm.seed_epochs
        fits = room is None or spent <= room
        left_out += not fits
        done = wording.duration(spent * seed_epoch_s / slots)
        name = wording.folded(arm.full_name, _NAME_WIDTH)
        table.add_row(
            str(place), name, str(arm.epochs), str(arm.seeds), f"{arm.seed_epochs:,}", done, "yes" if fits else "no"
        )
    console.print(table)
    for line in _said(study, spent, left_out, searched):
        console.print(line, highlight=False)
    pace = f"{wording.duration(seed_epoch_s)} per epoch of one seed, {wording.count(slots, 'arm')} at once"
    console.print(f"Expected time: {wording.duration(spent * seed_epoch_s / slots)} ({pace}).", highlight=False)


def _once(arms: Sequence[Arm]) -> list[Arm]:
    """Returns arms without those that train what an earlier one has trained."""
    first: dict[Hashable, Arm] = {}
    for arm in arms:
        first.setdefault(arm.key, arm)
    return list(first.values())


def _room(study: Study, slots: int, seed_epoch_s: float) -> float | None:
    """Returns how many seed-epochs the budget has room for at this pace; None where it is not limited."""
    budget, limits = study.budget, []
    if budget.seed_epochs is not None:
        limits.append(float(budget.seed_epochs))
    if budget.wall_clock is not None:
        limits.append(budget.wall_clock * slots / seed_epoch_s)
    if budget.most_gpu_hours is not None and study.resources.gpus:
        limits.append(3600 * budget.most_gpu_hours / (seed_epoch_s * study.resources.gpus))
    return min(limits, default=None)


def _said(study: Study, spent: int, left_out: int, searched: Sequence[str]) -> list[str]:
    lines = [f"About {wording.count(spent, 'seed-epoch')}."]
    if left_out:
        lines.append(
            f"At this pace the budget has no room for the last {wording.count(left_out, 'arm')}: the last is dropped "
            "first, and all are told as missing with what they would cost; `first`, `last` and `weights` order them."
        )
    if any(of.from_ for of in study.plan.values()):
        lines.append(
            "Rounds with `from` are shown as if they began from `base`: which arms they have depends on what is found, "
            "and one that is trained already is not trained again."
        )
    if searched:
        lines.append(f"Rounds that search come on top: {', '.join(searched)}.")
    if len(study.seeds) == 1:
        lines.append("One seed: nothing will say whether a difference between arms holds up on another.")
    return lines
