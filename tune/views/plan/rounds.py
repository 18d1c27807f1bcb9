"""How a plan stands: its rounds, each arm by name, what it changes against the base of its round, what is missing."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import Literal, get_args

from tune.ledger.arm_pace import arm_pace
from tune.ledger.arms import PlacedArm, arms_in
from tune.ledger.begun_round import BegunRound
from tune.ledger.reader import LedgerReader
from tune.scoring.effects.factorial import Cell, Factorial, factorial
from tune.scoring.effects.paired_family import ArmEffect, Pair, effects_of
from tune.scoring.standings import Standing
from tune.study.plan.arms import Arm

ArmState = Literal["done", "running", "failed", "missing", "stopped"]
"""done: trained to its end; running: in training, or waiting to go on; failed: died, or every seed of it failed;
missing: not begun; stopped: of a round that searches, given up early."""

ARM_STATES: tuple[ArmState, ...] = get_args(ArmState)


@dataclass(frozen=True)
class ArmRow:
    """One arm of a plan.

    Attributes:
        placed: The arm, and its trial.
        standing: Of its trial; None while there is none.
        state: See `ArmState`.
        losses: The scored metric by seed at its end; empty before.
        effect: Against the base of its round, of other epochs against the arm with the base's settings and as many
            epochs; None for the base itself, and where there is nothing to compare with.
        why_not: Why they cannot be compared; empty otherwise.
        seconds: Of training, so far; nan where it is not told.
        expected_s: How long an arm that is missing is expected to take; nan where none is trained yet.
        again: Whether it is missing and another arm trains the same, as far as is known: it costs nothing then.
    """

    placed: PlacedArm
    standing: Standing | None
    state: ArmState
    losses: Mapping[int, float]
    effect: ArmEffect | None
    why_not: str
    seconds: float
    expected_s: float
    again: bool = False

    @property
    def arm(self) -> Arm:
        """The arm."""
        return self.placed.arm


@dataclass(frozen=True)
class RoundResult:
    """One round of a plan.

    Attributes:
        name: Of the round.
        begun: How it began; None while it has not.
        rows: Its arms in the order in which they are trained.
        factors: What the factors of its grid do; None where it has no grid of two factors with a result.
    """

    name: str
    begun: BegunRound | None
    rows: Sequence[ArmRow]
    factors: Factorial | None

    @property
    def done(self) -> int:
        """How many arms are trained to their end."""
        return sum(row.state == "done" for row in self.rows)

    @property
    def missing(self) -> list[ArmRow]:
        """The arms that are not begun and cost something, in the order in which they would be."""
        return [row for row in self.rows if row.state == "missing" and not row.again]


def rounds_of(
    ledger: LedgerReader, ranked: Sequence[Standing], seconds: Mapping[int, float] | None = None
) -> list[RoundResult]:
    """Returns the rounds of a plan in order; none where the study is no plan.

    Args:
        ledger: The study.
        ranked: Every trial.
        seconds: Spent on each, by number; None: not known.
    """
    standings, pace = {one.number: one for one in ranked}, arm_pace(ledger) if ledger.study.plan else nan
    found = [_round(ledger, name, standings, seconds or {}, pace) for name in ledger.study.plan]
    trained = {row.arm.key for of in found for row in of.rows if row.placed.trial is not None}
    return [replace(of, rows=_told_once(of.rows, trained)) for of in found]


def _told_once(rows: Sequence[ArmRow], trained: set[Hashable]) -> list[ArmRow]:
    """Returns rows of which those are marked that train what others do; `trained` takes over the others."""
    told = []
    for row in rows:
        again = row.placed.trial is None and row.arm.key in trained
        trained.add(row.arm.key)
        told.append(replace(row, again=again))
    return told


def _round(
    ledger: LedgerReader, name: str, standings: Mapping[int, Standing], seconds: Mapping[int, float], pace: float
) -> RoundResult:
    placed = arms_in(ledger, name)
    found = [None if one.trial is None else standings.get(one.trial.number) for one in placed]
    ends = [_losses(standing) for standing in found]
    effects = _effects(ledger, placed, ends)
    rows = [
        ArmRow(
            placed=one,
            standing=standing,
            state=_state(one, standing),
            losses=losses,
            effect=effects.get(one.arm.name),
            why_not=_why_not(placed, ends, place),
            seconds=nan if one.trial is None else seconds.get(one.trial.number, nan),
            expected_s=pace * one.arm.seed_epochs if one.trial is None else nan,
        )
        for place, (one, standing, losses) in enumerate(zip(placed, found, ends, strict=True))
    ]
    return RoundResult(name, ledger.rounds.get(name), rows, _factors(ledger, name, placed, ends))


def _losses(standing: Standing | None) -> Mapping[int, float]:
    return standing.losses if standing is not None and standing.trial.confirmed else {}


def _state(placed: PlacedArm, standing: Standing | None) -> ArmState:
    trial = placed.trial
    if trial is None or standing is None:
        return "missing"
    if trial.confirmed:
        dead = standing.summary is not None and standing.summary.failed == standing.summary.seeds
        return "failed" if dead else "done"
    return "failed" if trial.ended == "failed" else "stopped" if trial.ended == "stopped" else "running"


def _effects(
    ledger: LedgerReader, placed: Sequence[PlacedArm], ends: Sequence[Mapping[int, float]]
) -> Mapping[str, ArmEffect]:
    """Returns the effect of each arm that can be set against a base, by name; together they are one family."""
    family = {}
    for place, losses in enumerate(ends):
        base = _base_of(placed, place)
        if base not in (None, place) and losses and ends[base]:
            family[placed[place].arm.name] = Pair(losses, ends[base], base)
    return effects_of(family, ledger.loss_scale).effects if family else {}


def _base_of(placed: Sequence[PlacedArm], place: int) -> int | None:
    """Returns the place of what an arm is set against; None where no arm has the base's settings and as many epochs."""
    arm = placed[place].arm
    alike = (
        at
        for at, one in enumerate(placed)
        if one.arm.epochs == arm.epochs and (one.of_base or set(one.arm.changes) == {"epochs"})
    )
    return next(alike, None)


def _why_not(placed: Sequence[PlacedArm], ends: Sequence[Mapping[int, float]], place: int) -> str:
    if placed[place].of_base or not ends[place]:
        return ""
    base = _base_of(placed, place)
    if base not in (None, place):
        return "" if ends[base] else "the base has no result"
    of_round = next((one.arm.epochs for one in placed if one.of_base), None)
    return "" if of_round is None else f"{placed[place].arm.epochs} epochs, the base {of_round}"


def _factors(
    ledger: LedgerReader, name: str, placed: Sequence[PlacedArm], ends: Sequence[Mapping[int, float]]
) -> Factorial | None:
    """Returns what the factors of a round's grid do; arms that are no point of it are left out.

    Where epochs are a factor, each of the others is told over the same lengths, so none is confounded with them.
    """
    grid = {key: values for key, values in ledger.study.plan[name].crossed.items() if len(values) > 1}
    if len(grid) < 2:
        return None
    cells, base = [], {}
    for one, losses in zip(placed, ends, strict=True):
        whole = {**one.arm.configuration, "epochs": one.arm.epochs}
        settings = {key: whole[key] for key in grid}
        in_grid = set(one.arm.changes) <= set(grid) and all(settings[key] in values for key, values in grid.items())
        if one.of_base:
            base = settings
        if losses and in_grid:
            cells.append(Cell(settings, losses))
    varied = {key for key in grid if len({repr(cell.settings[key]) for cell in cells}) > 1}
    alive = any(not ledger.loss_scale.failed(value) for cell in cells for value in cell.values.values())
    return factorial(cells, base, ledger.loss_scale) if varied == set(grid) and alive else None
