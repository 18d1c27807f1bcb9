"""The sides of a comparison: runs that differ in nothing but their seed are one."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from tune.ledger.imports.run import Axis, ImportedRun, is_epochs
from tune.study.values import frozen

MOST_SIDES = 200


@dataclass(frozen=True)
class Side:
    """One configuration, and all its runs.

    Attributes:
        name: For people, the same for no other side.
        runs: At least one; their configurations are the same.
    """

    name: str
    runs: tuple[ImportedRun, ...]

    @property
    def configuration(self) -> Mapping[str, Any]:
        """Value by name."""
        return self.runs[0].configuration

    @property
    def factors(self) -> Mapping[str, Any]:
        """All that may be why its results are what they are: its settings, and what no parameter sets."""
        return {**self.runs[0].surroundings, **self.settings}

    @property
    def settings(self) -> Mapping[str, Any]:
        """The configuration, and for how many epochs it trained where that does not say it."""
        told = dict(self.configuration)
        if not self.runs[0].study and not any(map(is_epochs, told)):
            lasted = {run.epochs for run in self.runs if run.epochs is not None and run.axis == "epoch"}
            told |= {"epochs": max(lasted)} if lasted else {}
        return told

    @property
    def axis(self) -> Axis:
        """What its curves are by."""
        return "step" if any(run.axis == "step" for run in self.runs) else "epoch"

    @property
    def seeded(self) -> bool:
        """Whether each of its runs has a seed of its own."""
        seeds = {run.seed for run in self.runs}
        return None not in seeds and len(seeds) == len(self.runs)

    @property
    def epochs(self) -> tuple[int, int] | None:
        """The last epoch of its shortest and of its longest run; None where that is told of none."""
        told = [run.epochs for run in self.runs if run.epochs is not None]
        return (min(told), max(told)) if told else None

    def by_seed(self, value: Callable[[ImportedRun], float | None]) -> dict[int, float]:
        """Returns what is known of its runs by seed; by their place, from 1, where they have no seeds."""
        seeded = self.seeded
        found = {}
        for place, run in enumerate(self.runs, 1):
            known = value(run)
            if known is not None:
                found[run.seed if seeded and run.seed is not None else place] = known
        return found


def sides_of(runs: Sequence[ImportedRun]) -> tuple[Side, ...]:
    """Returns the sides that runs make, in their order.

    Runs of one source are seeds of one side if they are of one trial, or if their configurations are the same in all
    but the seed. Where a source tells no configuration, each run is a side, unless its name says of which it is a seed.
    """
    groups: dict[Hashable, list[ImportedRun]] = {}
    for place, run in enumerate(runs):
        own: Hashable = place
        if run.study:
            own = "trial", run.key
        elif run.configuration:
            settings = frozenset((name, frozen(value)) for name, value in run.configuration.items())
            own = settings, frozenset((name, frozen(value)) for name, value in run.surroundings.items())
        elif run.group is not None:
            own = "group", run.group
        groups.setdefault((run.source, own), []).append(run)
    return tuple(
        Side(name, tuple(group)) for name, group in zip(_names(list(groups.values())), groups.values(), strict=True)
    )


def _names(groups: Sequence[Sequence[ImportedRun]]) -> list[str]:
    """Returns a name for each side: as short as tells them apart."""
    sources = [group[0].source for group in groups]
    several = len(set(sources)) > 1
    found = []
    for group, source in zip(groups, sources, strict=True):
        key = _key(group)
        if sources.count(source) == 1 and not group[0].study:
            found.append(source)
        elif several:
            found.append(f"{source}/{key}")
        else:
            found.append(f"trial {key}" if group[0].study or key.isdecimal() else key)
    twice = {name for name in found if found.count(name) > 1}
    return [f"{name} ({found[:at].count(name) + 1})" if name in twice else name for at, name in enumerate(found)]


def _key(group: Sequence[ImportedRun]) -> str:
    if group[0].group is not None:
        return group[0].group
    keys = list(dict.fromkeys(run.key for run in group))
    if len(keys) == 1:
        return keys[0]
    same = (letters[0] for letters in takewhile(lambda letters: len(set(letters)) == 1, zip(*keys, strict=False)))
    shared = "".join(same).rstrip("0123456789-_/.= ")
    shared = shared.removesuffix("seed").rstrip("-_/.= ")
    return shared if len(shared) > 2 else keys[0]
