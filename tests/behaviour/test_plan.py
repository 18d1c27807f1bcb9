"""A plan from the command line: in order, within its budget, through kills, grown, and as tables."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

import latent_tune
from tests.behaviour.command import Running, Trained, here, ledger_of, status
from tests.behaviour.command import latent_tune as in_a_process
from tests.fakes.plans import PLAN
from tune.ledger.arms import placed_arms

RATES = [0.1, 0.2, 0.35, 0.5, 0.7]
SIZES = [1, 2, 8, 16]
NAMED = {
    name: {"x": x, "width": width}
    for name, x, width in (
        ("fast", 0.75, 2), ("stable", 0.25, 8), ("aggressive", 0.95, 1),
        ("conservative", 0.15, 16), ("efficient", 0.45, 1), ("asymmetric", 0.6, 8),
    )
}  # fmt: skip
MANY: dict[str, Any] = {
    "name": "many",
    "trainer": "tests.fakes.trainers:Quadratic",
    "recording": {},
    "fixed": {"sleep_s": 0.25},
    "base": {"x": 0.9, "width": 4, "scale": 1.0},
    "plan": {
        "each": {"one_at_a_time": {"x": RATES, "width": SIZES, "scale": [0.5, 2.0, 4.0, 8.0]}, "first": ["x=0.35"]},
        "named": {"arms": NAMED},
        "overtrained": {"arms": {"long-base": {"epochs": 6}, "long-fast": {**NAMED["fast"], "epochs": 6}}},
    },
    "seeds": [1, 2, 3],
    "epochs": 3,
    "storage": {"checkpoints": "every_epoch"},
}
"""22 arms: the base, 13 one at a time, six named ones, two that are trained twice as long."""


def write(cwd: Path, study: dict[str, Any]) -> None:
    (cwd / "plan.yaml").write_text(yaml.safe_dump(study, sort_keys=False))


def trained(folder: Path) -> list[str]:
    return [trial.full_name for trial in ledger_of(folder).trials if trial.confirmed]


def wanted(folder: Path) -> list[str]:
    """Every arm of a plan in its order, those that train the same once."""
    found: dict[Any, str] = {}
    for one in placed_arms(ledger_of(folder)):
        found.setdefault(one.arm.key, one.arm.full_name)
    return list(found.values())


def test_a_plan_from_the_command_line(tmp_path: Path) -> None:
    """Dry run, run, status, report, table, Python: arms by name everywhere."""
    write(tmp_path, PLAN)
    plan = here("run", "plan.yaml", "--dry-run", "--driver", "inline", cwd=tmp_path)
    assert plan.code == 0, plan.err
    assert "9 arms in 3 rounds" in plan.out
    ran = here("run", "plan.yaml", "--driver", "inline", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert "(arm " in next(line for line in ran.out.splitlines() if line.startswith("Use "))
    assert "Round second: 2 of 2 arms done" in ran.out
    folder = tmp_path / "results" / "planned"
    rounds = status(folder)["rounds"]
    assert [(one["round"], len(one["arms"])) for one in rounds] == [("first", 6), ("second", 2), ("third", 3)]
    assert rounds[2]["arms"][1]["not_compared"] == "5 epochs, the base 3"
    report = (folder / "report.md").read_text()
    assert "## Round first" in report
    assert "x against width: mean, and what is done or missing" in (folder / "report.html").read_text()
    table = json.loads(here("table", folder, "--rows", "x", "--columns", "width", "--json").out)
    assert {cell["x"] for cell in table["cells"]} == {0.3, 0.4, 0.5, 0.9}
    result = latent_tune.open(folder)
    frame = result.table("x", "width", "loss")
    assert frame.loc[0.3, 4] < frame.loc[0.9, 4]
    assert set(result.trials()["arm"]) == set(trained(folder))
    assert "arm: " not in (folder / "best.yaml").read_text().split("config:")[1]


def has_trained(log: Path, epochs: int) -> bool:
    return Trained.read(log).distinct >= epochs


def test_what_has_no_room_is_missing_and_kills_change_nothing(tmp_path: Path) -> None:
    """22 arms that want 18 seconds in a budget of 7, five kills on the way: the first are done, the last missing."""
    write(tmp_path, {**MANY, "budget": {"wall_clock": 7}})
    log, folder = tmp_path / "log", tmp_path / "results" / "many"
    log.touch()
    for kill in range(5):
        more = Trained.read(log).distinct + 1
        with Running(tmp_path, "run", "plan.yaml", "--driver", "inline", QUADRATIC_LOG=str(log)) as process:
            process.until(partial(has_trained, log, more), f"an epoch before kill {kill}")
            process.kill()
    said = in_a_process(tmp_path, "resume", "results/many", QUADRATIC_LOG=str(log))
    assert said.code == 0, said.err
    done, order = trained(folder), wanted(folder)
    assert done == order[: len(done)]
    assert order[:2] == ["each/base", "each/x=0.35"]
    assert 1 <= len(done) < len(order) == 22
    ledger = ledger_of(folder)
    assert len(ledger.trials) == len(done)
    assert all(len(trial.reached[0].losses) == 3 for trial in ledger.trials)
    missing = [arm for one in status(folder)["rounds"] for arm in one["arms"] if arm["state"] == "missing"]
    assert all(arm["expected_seconds"] >= 0.5 for arm in missing)
    assert f"{22 - len(done)} arms of the plan are missing" in said.out
    assert f"{22 - len(done)} arms of the plan are missing" in (folder / "report.md").read_text()


def test_a_plan_grows_by_arms_rounds_and_seeds(tmp_path: Path) -> None:
    """What is added is trained, nothing else is; what would change old arms is refused with the reason."""
    write(tmp_path, PLAN)
    assert here("run", "plan.yaml", "--driver", "inline", cwd=tmp_path).code == 0
    folder = tmp_path / "results" / "planned"
    before = trained(folder)
    more = here(
        "resume", folder, "--set", "plan.third.arms.far={x: 0.2}", "--set", "plan.last={arms: {w: {width: 64}}}"
    )
    assert more.code == 0, more.err
    assert trained(folder) == [*before, "third/far", "last/w"]
    seeds = here("resume", folder, "--seeds", "4,5")
    assert seeds.code == 0, seeds.err
    assert all(len(trial.reached[0].losses) == 5 for trial in ledger_of(folder).trials)
    assert len(ledger_of(folder).trials) == len(before) + 2
    for change, why in (
        ("plan.first.grid.x=[0.9, 0.5]", "has lost 0.3; values are only added"),
        ("plan.third.arms.near={x: 0.45}", "arm 'near' is gone or another"),
        ("plan.first.grid.scale=[1, 2]", "has no value in `base`"),
        ("base.x=0.8", "every trial so far was trained with the old value"),
        ("epochs=9", "arms were trained for the old ones"),
    ):
        refused = here("resume", folder, "--set", change)
        assert refused.code == 2, change
        assert why in refused.err, refused.err
    for option in (("--trials", "40"), ("--epochs", "40")):
        refused = here("resume", folder, *option)
        assert refused.code == 2
        assert "a plan does what its rounds say" in refused.err


def test_a_plan_with_one_seed_says_so(tmp_path: Path) -> None:
    """It is allowed, and nothing is claimed of it."""
    write(tmp_path, {**PLAN, "seeds": [7]})
    assert "One seed" in here("run", "plan.yaml", "--dry-run", "--driver", "inline", cwd=tmp_path).out
    ran = here("run", "plan.yaml", "--driver", "inline", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert "One seed: no interval" in " ".join(ran.out.split())
    arms = status(tmp_path / "results" / "planned")["rounds"][0]["arms"]
    assert all(arm["interval"] in (None, [None, None]) and not arm["holds_up"] for arm in arms)


def test_a_plan_is_refused_in_one_message(tmp_path: Path) -> None:
    """Before anything is trained or written."""
    write(tmp_path, {**PLAN, "plan": {"a": {"from": "b", "arms": {"y": {"z": 1}}}, "b": {"from": "a", "grid": {}}}})
    said = here("run", "plan.yaml", "--driver", "inline", cwd=tmp_path)
    assert said.code == 2
    assert "plan.b.grid" in said.err
    assert not (tmp_path / "results").exists()


def test_an_arm_that_the_trainer_refuses_is_refused_before_anything_trains(tmp_path: Path) -> None:
    """The built-in trainer knows its parameters; the message names the arm."""
    plan = {"a": {"arms": {"wrong": {"batch_size": -1}}}}
    base = {"batch_size": 16, "learning_rate": 1.0e-3}
    write(tmp_path, {"name": "p", "base": base, "plan": plan, "seeds": [1], "epochs": 1})
    said = here("run", "plan.yaml", "--driver", "inline", cwd=tmp_path)
    assert said.code == 2
    assert "plan.a.wrong.batch_size" in said.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--rows", "y"), "--rows y: no factor of planned"),
        (("--rows", "x", "--columns", "x"), "is what the rows are as well"),
        (("--rows", "x", "--value", "speed"), "--value speed: nothing of the kind is known"),
    ],
)
def test_tables_of_what_is_not_there(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """One message each, with what there is."""
    write(tmp_path, {**PLAN, "plan": {"a": {"arms": {"b": {"x": 0.2}}}}})
    assert here("run", "plan.yaml", "--driver", "inline", cwd=tmp_path).code == 0
    refused = here("table", tmp_path / "results" / "planned", *arguments)
    assert refused.code == 2
    assert said in refused.err


def test_the_plan_that_separates_confounded_runs_is_run(tmp_path: Path) -> None:
    """What `compare` proposes is a study: two runs in which x and width changed together, then the arm between them."""
    first = {**PLAN, "plan": {"a": {"arms": {"both": {"x": 0.3, "width": 8}}}}}
    write(tmp_path, first)
    assert here("run", "plan.yaml", "--driver", "inline", cwd=tmp_path).code == 0
    both = ("results/planned/a/base", "results/planned/a/both")
    compared = here("compare", *both, "--plan-out", "separate.yaml", cwd=tmp_path)
    assert compared.code == 0, compared.err
    assert "change together" in " ".join(compared.out.split())
    ran = here("run", "separate.yaml", "--driver", "inline", cwd=tmp_path)
    assert ran.code == 0, ran.err
    name = yaml.safe_load((tmp_path / "separate.yaml").read_text())["name"]
    ledger = ledger_of(tmp_path / "results" / name)
    assert len(ledger.trials) == 2  # the base, and the arm between
    settings = [trial.parameters for trial in ledger.trials]
    assert sum(settings[0][key] != settings[1][key] for key in ("x", "width")) == 1
    again = here(
        "compare", "results/planned/0", "results/planned/1", f"results/{name}/0", f"results/{name}/1", cwd=tmp_path
    )
    assert again.code == 0, again.err
    assert "change together" not in " ".join(again.out.split())
    nobody = here("compare", "results/planned/a/base", "results/planned/a/none", cwd=tmp_path)
    assert nobody.code == 2
    assert "no trial a/none in this study; its trials are 0 to 1, its arms a/base, a/both" in nobody.err
