"""What each arm of a plan changes against its base: paired over seeds, with intervals that hold together.

A plan asks many questions at once: with 22 arms that change nothing, one 95 % interval in twenty leaves out zero all
the same. So the intervals of a family are made to hold together: in 95 plans of 100 all of them hold what they are of.
`tune.scoring.effects.simultaneous` says how, and why neither by Bonferroni's correction nor by Dunnett's. The pointwise
ones, each right for its arm alone, stand beside them.

All arms train the same seeds, so each is compared with the base seed by seed, and what a seed does to both cancels out,
as in `tune.scoring.paired`. A seed that fails in one of the two is left out of the difference and counted: no arm is
better because its bad seeds are missing, so read its failures first.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from tune.ledger.loss_scale import UNSCALED, LossScale
from tune.scoring.effects.simultaneous import Multiples, intervals_together
from tune.scoring.measured import difference
from tune.scoring.paired import Difference


@dataclass(frozen=True)
class ArmEffect:
    """What one arm changes against the base. Differences are in units of the metric; positive: the arm is better.

    Attributes:
        arm: Its name.
        seeds: Those that both have and neither fails: of these the difference is.
        mean: Over them; nan without one.
        interval: 95 % interval that holds together with those of the other arms; nan with fewer than two seeds.
        pointwise: 95 % t interval of this arm alone; nan with fewer than two seeds. Never the wider one.
        failed: Seeds on which the arm failed.
        base_failed: Seeds of the arm's on which the base failed.
        unpaired: Seeds that the base has not trained, or the arm has not.
    """

    arm: str
    seeds: tuple[int, ...]
    mean: float
    interval: tuple[float, float]
    pointwise: tuple[float, float]
    failed: tuple[int, ...]
    base_failed: tuple[int, ...]
    unpaired: tuple[int, ...]

    @property
    def holds_up(self) -> bool:
        """Whether the interval that holds together leaves out zero."""
        return Difference(self.seeds, self.mean, self.interval).holds_up

    @property
    def caveat(self) -> str:
        """Why there is no interval, in a few words; empty where there is one."""
        if len(self.seeds) > 1:
            return ""
        return "one seed: no interval" if self.seeds else "no seed that both have and neither fails"


@dataclass(frozen=True)
class PairedFamily:
    """The effects of some arms against their bases, with intervals that hold together.

    Attributes:
        effects: By arm, in the order given.
        pooled_sd: Standard deviation of the differences, pooled over the arms, in units of the metric; nan where no arm
            has two seeds.
        multiples: What the intervals were made with; None where no arm has two seeds.
    """

    effects: Mapping[str, ArmEffect]
    pooled_sd: float
    multiples: Multiples | None


@dataclass(frozen=True)
class Pair:
    """One arm and what it is set against.

    Attributes:
        values: Of the scored metric by seed; not finite where the arm diverged.
        base: The same of its base, after as many epochs.
        base_name: What tells its base from those of other arms.
    """

    values: Mapping[int, float]
    base: Mapping[int, float]
    base_name: Hashable


def effects_against(
    base: Mapping[int, float],
    arms: Mapping[str, Mapping[int, float]],
    scale: LossScale = UNSCALED,
    confidence: float = 0.95,
) -> PairedFamily:
    """Returns what each arm changes against one base; see `effects_of`."""
    return effects_of({arm: Pair(values, base, None) for arm, values in arms.items()}, scale, confidence)


def effects_of(pairs: Mapping[str, Pair], scale: LossScale = UNSCALED, confidence: float = 0.95) -> PairedFamily:
    """Returns what each arm changes against its base.

    Args:
        pairs: By arm. What is given here is the family: to look at some of its arms alone later does not make their
            intervals wrong, to add an arm does.
        scale: What makes losses of values, and says which seeds failed.
        confidence: With which all intervals hold at once, in (0, 1); the pointwise ones are 95 % always.
    """
    found = {arm: difference(pair.values, pair.base, scale) for arm, pair in pairs.items()}
    gaps = {
        arm: {seed: scale.loss(pairs[arm].base[seed]) - scale.loss(pairs[arm].values[seed]) for seed in one.seeds}
        for arm, one in found.items()
    }
    together = intervals_together(gaps, confidence, {arm: pair.base_name for arm, pair in pairs.items()})
    effects = {
        arm: ArmEffect(
            arm=arm,
            seeds=one.seeds,
            mean=one.mean,
            interval=together.intervals[arm],
            pointwise=one.interval,
            failed=_failed(pairs[arm].values, scale),
            base_failed=tuple(seed for seed in _failed(pairs[arm].base, scale) if seed in pairs[arm].values),
            unpaired=tuple(sorted(pairs[arm].base.keys() ^ pairs[arm].values.keys())),
        )
        for arm, one in found.items()
    }
    return PairedFamily(effects, together.pooled_sd, together.multiples)


def _failed(values: Mapping[int, float], scale: LossScale) -> tuple[int, ...]:
    return tuple(seed for seed, value in values.items() if scale.failed(value))
