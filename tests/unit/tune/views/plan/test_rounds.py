"""How a plan stands: arms, effects, what is missing."""

from pathlib import Path

from tests.fakes.bench import Bench
from tests.fakes.plans import plan_study
from tune.views.plan.rounds import RoundResult, rounds_of
from tune.views.plan.tables import missing_sentence, missing_table, plain_rounds
from tune.views.results import gather


def stands(folder: Path, **changes: object) -> list[RoundResult]:
    study = Bench(folder, plan_study(**changes))
    study.run()
    results = gather(study.ledger)
    return rounds_of(study.ledger, results.ranked, results.seconds)


def test_arms_against_the_base_of_their_round(tmp_path: Path) -> None:
    """Positive where an arm is better; the base is not set against itself."""
    first, _, third = stands(tmp_path / "p")
    rows = {row.arm.name: row for row in first.rows}
    better = rows["x=0.3,width=4"].effect
    assert better is not None
    assert better.mean > 0.3
    assert better.holds_up
    assert rows["x=0.9,width=4"].effect is None
    assert first.factors is not None
    assert [term.factors for term in first.factors.terms] == [("x",), ("width",), ("x", "width")]
    longer = next(row for row in third.rows if row.arm.name == "longer")
    assert (longer.effect, longer.why_not) == (None, "5 epochs, the base 3")


def test_what_is_missing_costs_what_is_not_trained_elsewhere(tmp_path: Path) -> None:
    """Arms of rounds that have not begun, as if from the base; what another arm trains costs nothing."""
    rounds = stands(tmp_path / "p", budget={"seed_epochs": 40})
    names = [row[0] for row in missing_table(rounds).rows]
    assert names[:2] == ["first/x=0.3,width=4", "first/x=0.3,width=8"] or names[0].startswith("first/x=0.3")
    assert len(names) == 2 + 1 + 2  # of the second round width = 16 alone, of the third two arms
    assert "5 arms of the plan are missing: 51 seed-epochs" in missing_sentence(rounds)


def test_programs_are_told_the_same(tmp_path: Path) -> None:
    """Numbers by arm, the winners and the ties by round."""
    first, second, third = plain_rounds(stands(tmp_path / "p"))
    assert second["from"] == {"first": 4}
    assert 5 in second["tied"]["first"]
    arm = next(one for one in first["arms"] if one["arm"] == "x=0.3,width=4")
    assert (arm["state"], arm["base"], arm["holds_up"]) == ("done", False, True)
    assert arm["losses"].keys() == {"1", "2", "3"}
    assert third["arms"][0]["base"]
