"""Everything that the arms of a plan say, from plain data: effects by arm and by factor, grids, stability.

Arms are compared with the base of their round. One that trains for more or fewer epochs is compared with a base of as
many, where the plan has an arm with the base's settings and these epochs, else with none, and that is said: an arm is
not better for having trained longer. Grids and stability regions take only arms of as many epochs as their round's
base.

What holds together: the intervals of all arms of the plan, and those of all levels of one grid.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import isfinite, nan

from tune.ledger.loss_scale import UNSCALED, LossScale
from tune.scoring.effects.factorial import Cell, Factorial, factorial
from tune.scoring.effects.paired_family import ArmEffect, Pair, effects_of
from tune.scoring.effects.stability import StabilityRegion, stability_region
from tune.study.values import frozen, same

_OF_TRAINING = ("epochs", "seeds")  # no parameters, also where a schedule is told of them


@dataclass(frozen=True)
class ArmRuns:
    """One arm, and what its runs came to.

    Attributes:
        round: The round it is of.
        name: Its name there.
        settings: Every parameter's value.
        epochs: How many each seed trained.
        values: The scored metric by seed after these epochs; not finite where it diverged, left out where it is not
            known yet.
        pace: Seconds per epoch; nan where it is not known.
    """

    round: str
    name: str
    settings: Mapping[str, object]
    epochs: int
    values: Mapping[int, float]
    pace: float = nan

    @property
    def full_name(self) -> str:
        """Round and name, as `optimizer/fast`."""
        return f"{self.round}/{self.name}"


@dataclass(frozen=True)
class RoundRuns:
    """One round.

    Attributes:
        base: What its arms are set against.
        arms: The others, of that round, in order; those that have not been trained may be left out.
        grid: Levels by factor, those of arms that have not been trained included; empty where it has no grid.
    """

    base: ArmRuns
    arms: Sequence[ArmRuns]
    grid: Mapping[str, Sequence[object]]

    @property
    def comparable(self) -> list[ArmRuns]:
        """The base and the arms that trained as many epochs."""
        return [self.base, *(arm for arm in self.arms if arm.epochs == self.base.epochs)]


@dataclass(frozen=True)
class PlanArm:
    """One arm against its base.

    Attributes:
        arm: The arm.
        changes: The parameters in which it differs from its round's base, with its values of them.
        base: What it is compared with; None where the plan has no base of as many epochs.
        effect: What it changes; None without a base.
        speed: How many times as fast as that an epoch is; nan where it is not known.
    """

    arm: ArmRuns
    changes: Mapping[str, object]
    base: ArmRuns | None
    effect: ArmEffect | None
    speed: float

    @property
    def caveat(self) -> str:
        """Why there is no effect or no interval; empty where there is one."""
        if self.effect is None:
            return f"trained for {self.arm.epochs} epochs, no base did: not compared"
        return self.effect.caveat


@dataclass(frozen=True)
class FactorLevel:
    """What one value of a parameter changes, all else as in the base or averaged over a grid.

    Attributes:
        round: Of which round.
        factor: The parameter.
        level: Its value.
        against: The base's value.
        epochs: Of both.
        seeds: Those that the difference is of.
        mean: In units of the metric, positive where the level is better; nan where it is not known.
        interval: 95 %, holds together with the others of its family: all arms, or all levels of that grid.
        averaged: Whether it is averaged over a grid; else it is that of one arm.
    """

    round: str
    factor: str
    level: object
    against: object
    epochs: int
    seeds: tuple[int, ...]
    mean: float
    interval: tuple[float, float]
    averaged: bool

    @property
    def holds_up(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.interval[0] > 0 or self.interval[1] < 0


@dataclass(frozen=True)
class PlanEffects:
    """Everything that the arms of a plan say.

    Attributes:
        arms: Every arm but the bases, in order.
        factors: Every value of every parameter that a grid varies, or an arm alone, by round.
        grids: By round that has a grid.
        stability: By round and parameter that takes several numbers there.
        no_grid: By round whose grid says nothing yet, why.
    """

    arms: tuple[PlanArm, ...]
    factors: tuple[FactorLevel, ...]
    grids: Mapping[str, Factorial]
    stability: Mapping[tuple[str, str], StabilityRegion]
    no_grid: Mapping[str, str]


def plan_effects(rounds: Sequence[RoundRuns], scale: LossScale = UNSCALED, confidence: float = 0.95) -> PlanEffects:
    """Returns everything that the arms of a plan say.

    Args:
        rounds: In order, each with a base of its own.
        scale: Which way is better, and which runs failed.
        confidence: Of each family of intervals that hold together, in (0, 1).

    Raises:
        ValueError: If two arms of a round have the same name.
    """
    arms = _arms(rounds, scale, confidence)
    grids: dict[str, Factorial] = {}
    no_grid: dict[str, str] = {}
    for one in rounds:
        if one.grid:
            try:
                grids[one.base.round] = factorial(_cells(one), one.base.settings, scale, confidence)
            except ValueError as error:
                no_grid[one.base.round] = str(error)
    return PlanEffects(
        arms=arms,
        factors=tuple(_factors(rounds, arms, grids)),
        grids=grids,
        stability=dict(_stability(rounds, scale)),
        no_grid=no_grid,
    )


def _arms(rounds: Sequence[RoundRuns], scale: LossScale, confidence: float) -> tuple[PlanArm, ...]:
    every = [arm for one in rounds for arm in (one.base, *one.arms)]
    names = [arm.full_name for arm in every]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"every arm of a plan has a name of its own, got {twice} twice")
    against = {arm.full_name: _base_for(arm, one.base, every) for one in rounds for arm in one.arms}
    pairs = {
        arm.full_name: Pair(arm.values, base.values, _key(base))
        for one in rounds
        for arm in one.arms
        if (base := against[arm.full_name]) is not None
    }
    effects = effects_of(pairs, scale, confidence).effects
    return tuple(
        PlanArm(
            arm=arm,
            changes=_changes(arm, one.base),
            base=(base := against[arm.full_name]),
            effect=effects.get(arm.full_name),
            speed=base.pace / arm.pace if base and isfinite(arm.pace) and arm.pace > 0 else nan,
        )
        for one in rounds
        for arm in one.arms
    )


def _base_for(arm: ArmRuns, base: ArmRuns, every: Sequence[ArmRuns]) -> ArmRuns | None:
    """Returns what to set an arm against: of the base's settings and the arm's epochs; None where there is none."""
    if arm.epochs == base.epochs:
        return base
    alike = (one for one in every if one.epochs == arm.epochs and one is not arm and not _changes(one, base))
    return next(alike, None)


def _key(arm: ArmRuns) -> Hashable:
    """Returns what is the same for arms that train the same: rounds may have one base."""
    return arm.epochs, frozenset(
        (name, frozen(value)) for name, value in arm.settings.items() if name not in _OF_TRAINING
    )


def _changes(arm: ArmRuns, base: ArmRuns) -> dict[str, object]:
    """Returns in which parameters an arm differs from another, with its values of them."""
    names = dict.fromkeys((*base.settings, *arm.settings))
    return {
        name: arm.settings.get(name)
        for name in names
        if name not in _OF_TRAINING
        and not (name in arm.settings and name in base.settings and same(arm.settings[name], base.settings[name]))
    }


def _cells(one: RoundRuns) -> list[Cell]:
    """Returns every cell of a round's grid; one without runs where no arm of the base's epochs has its setting."""
    there = [arm for arm in one.comparable if not set(_changes(arm, one.base)) - set(one.grid)]
    cells = []
    for point in product(*one.grid.values()):
        setting = dict(zip(one.grid, point, strict=True))
        found = (arm for arm in there if all(same(arm.settings.get(name), value) for name, value in setting.items()))
        arm = next(found, None)
        cells.append(Cell(setting, arm.values if arm else {}))
    return cells


def _factors(
    rounds: Sequence[RoundRuns], arms: Sequence[PlanArm], grids: Mapping[str, Factorial]
) -> Iterator[FactorLevel]:
    for one in rounds:
        name, base, found = one.base.round, one.base, grids.get(one.base.round)
        effects = found.level_effects.values() if found else ()
        for of in (of for of_factor in effects for of in of_factor):
            of_what = (name, of.factor, of.level, of.against, base.epochs)
            yield FactorLevel(*of_what, of.seeds, of.mean, of.interval, averaged=True)
        for arm in arms:
            if arm.arm.round != name or len(arm.changes) != 1 or arm.effect is None:
                continue
            ((factor, value),) = arm.changes.items()
            if found and factor in found.levels:
                continue  # one row of the grid alone; the average over all of it is there
            of_what = (name, factor, value, base.settings.get(factor), arm.arm.epochs)
            effect = arm.effect
            yield FactorLevel(*of_what, effect.seeds, effect.mean, effect.interval, averaged=False)


def _stability(rounds: Sequence[RoundRuns], scale: LossScale) -> Iterator[tuple[tuple[str, str], StabilityRegion]]:
    """Yields regions of parameters that take several numbers in arms that change nothing else, or in the whole grid."""
    for one in rounds:
        for name in dict.fromkeys(name for arm in one.comparable for name in _changes(arm, one.base)):
            free = set(one.grid) if name in one.grid else {name}
            alike = [arm for arm in one.comparable if not set(_changes(arm, one.base)) - free]
            values = [arm.settings.get(name) for arm in alike]
            if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
                continue
            runs = [(arm.settings[name], scale.failed(loss)) for arm in alike for loss in arm.values.values()]
            numbers = [(float(value), failed) for value, failed in runs if isinstance(value, int | float)]
            if len({value for value, _ in numbers}) > 1:
                yield (one.base.round, name), stability_region(numbers)
