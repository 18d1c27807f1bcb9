"""`latent-tune compare` of runs of any sources, as a user meets it."""

import json
import re
from pathlib import Path

import pytest
import yaml

import latent_tune
from tests.behaviour.command import ROOT, here
from tests.behaviour.refusals import check_refused, snapshot
from tests.fakes.runs_elsewhere import curve, write_events, write_mlflow, write_wandb
from tune.study.scalars import Loader

PAGES = [ROOT / "docs" / name for name in ("compare.md", "terminal.md")]
TRAP = str(ROOT / "examples" / "compare" / "trap.csv")
GOLDEN = str(ROOT / "tests" / "golden" / "batch-norm")
SHOWN = re.compile(r"^\$ (latent-tune compare .*)\n((?:.*\n)*?)```$", re.MULTILINE)


@pytest.fixture
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with runs of every kind, where one is."""
    monkeypatch.chdir(tmp_path)
    write_events(Path("tb/fast"), {"loss/val": curve(3, 2, 1), "lr": curve(0.1, 0.1, 0.01)}, {"bs": 32})
    write_mlflow(Path("mlruns/0/abc"), {"bs": 64}, {"val_loss": curve(3, 2)}, "slow")
    write_wandb(Path("wandb/run-1-abc"), {"bs": 128}, {"val/loss": 0.5})
    Path("earlier.csv").write_text("run,seed,bs,epoch,val_loss\na,1,16,1,4\na,1,16,2,3\na,2,16,1,5\na,2,16,2,4\n")
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_pages_show_what_the_commands_print(page: Path) -> None:
    """Every output that is pasted is printed again."""
    found = SHOWN.findall(page.read_text(encoding="utf-8"))
    assert found
    for command, output in found:
        said = here(*command.split()[1:], cwd=ROOT, COLUMNS="80")
        assert [line.rstrip() for line in said.out.rstrip().splitlines()] == output.splitlines()


def test_every_key_of_the_json_is_documented(cwd: Path) -> None:
    """Each of them stands on the page, and nothing is printed beside the JSON."""
    told = json.loads(here("compare", TRAP, "--json", cwd=cwd).out)
    page = (ROOT / "docs" / "compare.md").read_text(encoding="utf-8")
    side = told["sides"][1]
    keys = [*told, *side, *side["epochs"], *side["minus_first"], *told["confounded"][0]]
    assert [key for key in keys if f"`{key}`" not in page] == []


def test_runs_of_every_source_stand_beside_each_other(cwd: Path) -> None:
    """A trial of ours, a table, event files, MLflow's and W&B's; what means the same is one; nothing is written."""
    before = snapshot(cwd)
    said = here("compare", f"{GOLDEN}/9", "earlier.csv", "tb", "mlruns", "wandb", "--json", cwd=cwd)
    assert (said.code, said.err) == (0, "")
    told = json.loads(said.out)
    sides = {Path(side["source"]).name: side for side in told["sides"]}
    assert list(sides) == ["batch-norm", "earlier.csv", "tb", "mlruns", "wandb"]
    assert told["metric"] == "validation_loss"
    assert told["differing"]["bs"] == [None, 16, 32, 64, 128]
    assert sides["earlier.csv"]["seeds"] == [1, 2]
    assert sides["earlier.csv"]["minus_first"]["paired_seeds"] == [1]
    assert sides["tb"]["finals"]["validation_loss"] == {"1": 1.0}
    assert sides["wandb"]["finals"]["validation_loss"] == {"1": 0.5}
    assert snapshot(cwd) == before


def test_a_plan_is_written_once_and_nowhere_else(cwd: Path) -> None:
    """Its arms are those that are printed; a file that is there is left as it is."""
    said = here("compare", TRAP, "--plan-out", "plan.yaml", cwd=cwd)
    assert "schedule, epochs and workers change together: nothing can be said of one." in said.out
    plan = yaml.load(Path("plan.yaml").read_text(), Loader)  # noqa: S506 - a safe one
    assert list(plan["plan"]["separate"]["arms"].values()) == [{"schedule": "cosine"}, {"epochs": 15}]
    for arguments, part in (
        (["--plan-out", "plan.yaml"], "--plan-out: plan.yaml is there already"),
        (["--plan-out", "no/where.yaml"], "--plan-out: no/where.yaml cannot be written: No such file or directory"),
        (["--plan-out", "-", "--json"], "--plan-out -: prints the plan and nothing else"),
    ):
        check_refused(here("compare", TRAP, *arguments, cwd=cwd), part)
    Path("short.csv").write_text("epoch,val_loss\n1,3\n2,2\n3,1\n")
    check_refused(here("compare", "tb", "short.csv", "--plan-out", "x.yaml", cwd=cwd), "there is no plan to write")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["missing.csv", "tb"], "missing.csv: no such file, folder or run"),
        (["empty.csv", "tb"], "empty.csv: is empty"),
        (["tb"], "compare needs two or more different runs, got tb alone"),
        (["tb", "tb"], "compare needs two or more different runs, got tb alone"),
        (["tb", "speed.csv"], "the runs have no metric in common"),
        (["tb", "earlier.csv", "--metric", "loss"], "tb: tells no metric 'loss'"),
        (["tb", "earlier.csv", "--last", "0"], "--last: the spread is of at least the last 2 epochs, got 0"),
        (["tb", "earlier.csv", "--at", "-1"], "--at: numbers with commas between them are wanted"),
        ([GOLDEN], "is a study; say which of its trials"),
        ([GOLDEN, "1", "99"], "no trial 99 in this study; its trials are 0 to 17"),
        ([f"{GOLDEN}/x", "tb"], "no trial x in this study"),
        (["nan.csv", "tb", "--below", "nan"], "--below: a number is wanted, got nan"),
    ],
)
def test_what_cannot_be_compared_is_one_message(arguments: list[str], part: str, cwd: Path) -> None:
    """Exit code 2, no traceback, nothing on standard output."""
    Path("empty.csv").touch()
    Path("speed.csv").write_text("name,metrics.speed\na,1\nb,2\n")
    Path("nan.csv").write_text("epoch,val_loss\n1,nan\n2,nan\n")
    check_refused(here("compare", *arguments, cwd=cwd), part)


def test_curves_of_nan_are_shown_as_what_they_are(cwd: Path) -> None:
    """A run that diverged stands beside one that did not, and is not ranked."""
    Path("nan.csv").write_text("epoch,val_loss\n1,nan\n2,nan\n")
    said = here("compare", "tb", "nan.csv", cwd=cwd)
    assert said.code == 0
    assert "nan.csv fails on 1 of 1 run." in said.out
    assert "there is no seed on which neither fails" in " ".join(said.out.split())


def test_from_python(cwd: Path) -> None:
    """The same numbers as tables; a folder with a list of numbers is what it was."""
    found = latent_tune.compare(TRAP, below=0.025, at=[1, 6])
    assert isinstance(found, latent_tune.Compared)
    assert found.confounded == (("schedule", "epochs", "workers"),)
    table = found.table()
    assert list(table["side"]) == ["constant", "cosine"]
    assert list(table["epochs"]) == [6, 15]
    assert table["difference"].isna().tolist() == [True, False]
    values = found.values()
    assert len(values) == 3 * (6 + 15)
    assert {"side", "seed", "epoch", "validation_loss", "learning_rate"} <= set(values.columns)
    assert found.as_dict() == json.loads(
        here("compare", TRAP, "--below", "0.025", "--at", "1,6", "--json", cwd=cwd).out
    )
    assert "arms:" in (found.plan() or "")
    assert "change together" in repr(found)
    assert "<td>cosine</td>" in found._repr_html_()
    trials = latent_tune.compare(GOLDEN, [9, 15])
    assert list(trials["trial"]) == [9, 15]
    assert list(trials["rung"]) == [None, 2] or trials["rung"].isna().tolist() == [True, False]
