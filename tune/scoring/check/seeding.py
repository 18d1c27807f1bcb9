"""What seedings that were noted say of a training: which its seeds share, and which nobody gave a seed."""

from collections.abc import Sequence

from tune.scoring.check.measured import Seeding

UNSEEDED_GENERATOR = "torch.Generator"
"""The call that is noted of a generator of PyTorch's that nobody gave a seed: it draws the same in every process."""


def shared_seedings(a: Sequence[Seeding], b: Sequence[Seeding]) -> list[Seeding]:
    """Returns what is seeded with the same value whatever seed of the study trains.

    A line that seeds several times is compared call by call; it shares nothing where one call differs: `seed * epoch`
    is 0 for all seeds in epoch 0.

    Args:
        a: What was noted while one seed trained alone, in the order in which it came.
        b: The same of another seed.

    Returns:
        Those of `a` at the same place, in the same order and with the same value in `b`; each once.
    """
    others = _by_place(b)
    shared: list[Seeding] = []
    for place, values in _by_place(a).items():
        pairs = list(zip(values, others.get(place, []), strict=False))
        if pairs and all(mine == theirs and mine is not None for mine, theirs in pairs):
            call, where = place
            shared += [Seeding(call, value, where) for value in dict.fromkeys(mine for mine, _ in pairs)]
    order = {one: at for at, one in reversed(list(enumerate(a)))}
    return sorted(shared, key=lambda one: order[one])


def unseeded(a: Sequence[Seeding]) -> list[Seeding]:
    """Returns what was made or seeded without a value, so that no two trainings draw the same; each once."""
    return list(dict.fromkeys(one for one in a if one.value is None))


def shared_text(seeding: Seeding) -> str:
    """Says of one that all seeds share what it is right for, and what not: a split of the data is rightly the same."""
    if seeding.call == UNSEEDED_GENERATOR:
        said = f"{seeding.where} makes a {seeding.call} that is given no seed, and then draws the same for every seed"
    else:
        value = str(seeding.value) if seeding.value is not None and seeding.value >= 0 else "the same value"
        said = f"{seeding.where} seeds {seeding.call} with {value} for every seed"
    return f"{said}: right for a split of the data, wrong for the order of batches or the initial weights"


def unseeded_text(seeding: Seeding) -> str:
    """Says of one without a seed what comes of it, and what to do."""
    return (
        f"{seeding.where} calls {seeding.call} without a seed, which draws other numbers in each training; give it one "
        f"that is made from the study's seed"
    )


def _by_place(seedings: Sequence[Seeding]) -> dict[tuple[str, str], list[int | None]]:
    found: dict[tuple[str, str], list[int | None]] = {}
    for one in seedings:
        found.setdefault((one.call, one.where), []).append(one.value)
    return found
