"""The tables of a plan as cells of text, for the terminal and the report alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from tune.scoring.effects.factorial import Share
from tune.scoring.effects.paired_family import ArmEffect
from tune.study.plan.arms import BASE
from tune.study.sections import ScoreRule
from tune.views import wording
from tune.views.plan.rounds import ArmRow, RoundResult


@dataclass(frozen=True)
class Cells:
    """A table: its headings, its rows, and which columns are words."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: Sequence[str] = ()


def arms_table(of: RoundResult) -> Cells:
    """Returns the arms of a round: what each came to, and what it changes against the base."""
    headings = ["arm", "trial", "state", "epochs", "mean ± sd", "failed", "better by", "95% interval", "seconds"]
    return Cells(headings, [_arm(row) for row in of.rows], ("arm", "state"))


def missing_table(rounds: Sequence[RoundResult]) -> Cells:
    """Returns the arms that are not begun, in the order in which they would be, and what they would cost."""
    rows = [
        [row.arm.full_name, wording.count(row.arm.seed_epochs, "seed-epoch"), wording.duration(row.expected_s)]
        for of in rounds
        for row in of.missing
    ]
    return Cells(["arm", "costs", "about"], rows, ("arm",))


def factors_table(of: RoundResult) -> Cells:
    """Returns what each factor of a grid, and each interaction, explains of the variance over arms and seeds."""
    assert of.factors is not None
    rows = [_share(" x ".join(one.factors), one) for one in of.factors.terms]
    rows += [_share("seeds", of.factors.seeds), _share("what is left", of.factors.residual)]
    return Cells(["term", "share of variance", "without noise's part", "p"], rows, ("term",))


def levels_table(of: RoundResult) -> Cells:
    """Returns what each level of each factor changes against the base's."""
    assert of.factors is not None
    rows = [
        [f"{one.factor} {wording.value(one.level)}", wording.value(one.against), wording.signed(one.mean),
         interval(one.interval), f"{one.pairs} of {one.possible}"]
        for effects in of.factors.level_effects.values()
        for one in effects
    ]  # fmt: skip
    return Cells(["level", "against", "better by", "95% interval", "pairs"], rows, ("level", "against"))


def factors_caveats(of: RoundResult) -> list[str]:
    """Returns what must be said with what the factors of a round do."""
    assert of.factors is not None
    lengths = sorted(int(str(one)) for one in of.factors.levels.get("epochs", ()))
    said = [f"{line[:1].upper()}{line[1:]}." for line in of.factors.caveats]
    if lengths:
        shown = wording.listed([str(one) for one in lengths])
        said.append(f"Epochs are a factor: what the others do is told over arms of {shown} epochs alike.")
    return said


def begun_sentence(of: RoundResult) -> str:
    """Returns from what a round began, and what was decided about arms that were tied."""
    if of.begun is None:
        return "Not begun yet; its arms are shown as if it began from what is known so far."
    said = of.begun.reason.partition(": ")[2]
    return f"It began {said}." if said else "It began from the base of the plan."


def missing_sentence(rounds: Sequence[RoundResult]) -> str:
    """Returns how much of a plan is missing and what that would cost; empty where nothing is."""
    rows = [row for of in rounds for row in of.missing]
    if not rows:
        return ""
    costs = sum(row.arm.seed_epochs for row in rows)
    takes = sum(row.expected_s for row in rows)
    about = f", about {wording.duration(takes)} of training" if isfinite(takes) else ""
    return (
        f"{wording.count(len(rows), 'arm')} of the plan {'is' if len(rows) == 1 else 'are'} missing: "
        f"{wording.count(costs, 'seed-epoch')}{about}."
    )


def reading_sentence(rule: ScoreRule, seeds: int) -> str:
    """Returns how to read what an arm changes."""
    if seeds == 1:
        return "One seed: no interval, so nothing here says whether a difference would hold up on another seed."
    return (
        f"Better by: by how much an arm's {rule.metric} is better than that of its round's base (negative: worse), "
        "paired over seeds; *: its interval leaves out zero. The intervals of a round hold together: in 95 of 100 "
        "plans all of them hold what they are of. An arm of other epochs than the base is set against the arm with the "
        "base's settings and as many epochs, if there is one."
    )


def plain_rounds(rounds: Sequence[RoundResult]) -> list[dict[str, Any]]:
    """Returns the rounds as plain values, for programs; empty where the study is no plan."""
    return [
        {
            "round": of.name,
            "begun": of.begun is not None,
            "from": {} if of.begun is None else dict(of.begun.winners),
            "tied": {} if of.begun is None else {name: list(tied) for name, tied in of.begun.tied.items()},
            "reason": None if of.begun is None else of.begun.reason,
            "arms": [_plain_arm(row) for row in of.rows],
        }
        for of in rounds
    ]


def _plain_arm(row: ArmRow) -> dict[str, Any]:
    effect = row.effect
    return {
        "arm": row.arm.name,
        "trial": None if row.placed.trial is None else row.placed.trial.number,
        "state": row.state,
        "base": row.placed.of_base,
        "changes": dict(row.arm.changes),
        "epochs": row.arm.epochs,
        "seeds": row.arm.seeds,
        "losses": {str(seed): loss for seed, loss in row.losses.items()},
        "better_by": None if effect is None else effect.mean,
        "interval": None if effect is None else list(effect.interval),
        "holds_up": None if effect is None else effect.holds_up,
        "not_compared": row.why_not or None,
        "expected_seconds": row.expected_s,
    }


def interval(bounds: tuple[float, float]) -> str:
    """Returns an interval of a difference; a dash where there is none."""
    low, high = bounds
    return f"{wording.signed(low)} to {wording.signed(high)}" if isfinite(low) and isfinite(high) else wording.UNKNOWN


def arm_name(row: ArmRow) -> str:
    """Returns what an arm is called in tables of its round, which one is the base included."""
    name = row.arm.name.replace(",", ", ")  # as wide as its longest part, where there is little room
    return f"{name} (base)" if row.placed.of_base and row.arm.name != BASE else name


def _arm(row: ArmRow) -> list[str]:
    summary = row.standing.summary if row.standing is not None else None
    effect = row.effect
    changed = wording.UNKNOWN if effect is None else wording.signed(effect.mean)
    if effect is not None and effect.holds_up:
        changed += " *"
    sure = row.why_not or (wording.UNKNOWN if effect is None else _caveat(effect) or interval(effect.interval))
    return [
        arm_name(row),
        wording.UNKNOWN if row.placed.trial is None else str(row.placed.trial.number),
        row.state,
        str(row.arm.epochs),
        wording.UNKNOWN if summary is None else wording.spread(summary.mean, summary.sd),
        wording.UNKNOWN if summary is None else f"{summary.failed}/{summary.seeds}",
        changed,
        sure,
        wording.seconds(row.seconds),
    ]


def _caveat(effect: ArmEffect) -> str:
    """Returns why an effect has no interval, short enough to stand in its place."""
    return effect.caveat if effect.seeds else "no pair without a failure"


def _share(name: str, share: Share) -> list[str]:
    whole = "" if share.estimable else " (in part)"
    return [f"{name}{whole}", wording.percent(share.eta_squared), wording.percent(share.omega_squared),
            wording.number(share.p, 2)]  # fmt: skip
