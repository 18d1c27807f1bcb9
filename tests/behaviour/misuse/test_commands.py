"""A command line with a mistake: exit code 2, one message that says what to do, and nothing written or changed."""

from pathlib import Path

import pytest

from tests.behaviour.command import here, latent_tune, write_study
from tests.behaviour.refusals import STUDY, check_refused, snapshot

COMMANDS: list[tuple[str, list[str], list[str]]] = [
    ("init of nothing", ["init", "--from", "script", "nothing.py"], ["nothing.py: no such file; give the path of the"]),
    ("check of nothing", ["check", "studdy.yaml"], ["studdy.yaml: no such file"]),
    (
        "check in no time",
        ["check", "study.yaml", "--minutes", "0"],
        ["--minutes: must be above 0 and at most 10080, got 0"],
    ),
    (
        "check of a misspelt key",
        ["check", "study.yaml", "--set", "check.minute=3"],
        ["check.minute: unknown key; did you mean 'minutes'?"],
    ),
    (
        "check in a wrong way",
        ["check", "study.yaml", "--set", "check=sometimes"],
        ["check: must be 'auto', 'full' or"],
    ),
    (
        "check kept under a file",
        ["check", "study.yaml", "--results", "study.yaml/x"],
        ["the results folder cannot be written: Not a direct"],
    ),
    ("missing study", ["run", "studdy.yaml"], ["studdy.yaml: no such file"]),
    ("name of a study, misspelt", ["run", "quickstrat"], ["quickstrat: no such file", "; did you mean 'quickstart'?"]),
    (
        "name of a file, misspelt",
        ["run", "batch-nrom.yaml"],
        ["batch-nrom.yaml: no such file", "did you mean 'batch-norm'?"],
    ),
    ("--set without =", [*STUDY, "--set", "search.trials"], ["--set search.trials: write path=value, for example"]),
    ("--set without path", [*STUDY, "--set", "=3"], ["--set =3: write path=value"]),
    (
        "--set of a misspelt key",
        [*STUDY, "--set", "search.trails=3"],
        ["search.trails: unknown key; did you mean 'trials'?"],
    ),
    (
        "--set of a wrong value",
        [*STUDY, "--set", "search.trials=x"],
        ["search.trials: must be a valid integer, got str 'x'"],
    ),
    ("--set through a value", [*STUDY, "--set", "name.first=x"], ["name"]),
    ("--set of no YAML", [*STUDY, "--set", "seeds=[1"], ["--set seeds=[1: the value is not YAML: "]),
    (
        "--set of a tag",
        [*STUDY, "--set", "name=!!python/name:os.system"],
        ["--set name=!!python/name:os.system: the value i"],
    ),
    (
        "--set of base 60",
        [*STUDY, "--set", "budget.wall_clock=1:30"],
        ["budget.wall_clock: 1:30 would be 90, a number of base 60"],
    ),
    (
        "--set of a leading zero",
        [*STUDY, "--set", "seeds=[1, 2, 03]"],
        ["seeds.2: 03 with a leading zero would be octal to some programs"],
    ),
    ("unknown scale", [*STUDY, "--set", "scale=small"], ["scale: no scale 'small' in this file"]),
    ("unknown driver", ["run", "study.yaml", "--driver", "slurm"], ["invalid choice: 'slurm'"]),
    ("unknown command", ["start", "study.yaml"], ["invalid choice: 'start'"]),
    ("unknown option", ["run", "study.yaml", "--resume"], ["unrecognized arguments: --resume"]),
    (
        "status of nothing",
        ["status", "nothing"],
        ["nothing: no study there (study.yaml is missing); give a folder that"],
    ),
    ("status of a file", ["status", "study.yaml"], ["study.yaml: no study there"]),
    ("status of another folder", ["status", "."], [": no study there (study.db is missing)"]),
    ("report of nothing", ["report", "nothing"], ["nothing: no study there"]),
    ("export of nothing", ["export", "nothing", "--csv", "tables"], ["nothing: no study there"]),
    ("export to nowhere", ["export", "nothing"], ["one of the arguments --csv --parquet --mlflow is required"]),
    ("resume of nothing", ["resume", "nothing"], ["nothing: no study there"]),
    ("resume of another folder", ["resume", ".", "--driver", "inline"], [": no study there (study.db is missing)"]),
    ("compare of nothing", ["compare", "nothing", "0", "1"], ["nothing: no such file, folder or run"]),
    ("compare of a number", ["compare", "0", "1"], ["0: no such file, folder or run, looked for from"]),
    ("compare of a study file", ["compare", "study.yaml", "study.yaml"], ["study.yaml: is read by its ending"]),
    (
        "compare at no number",
        ["compare", "nothing", "--below", "low"],
        ["argument --below: invalid float value: 'low'"],
    ),
    ("list of nothing", ["list", "nothing"], ["nothing: cannot be listed: No such file or directory; give the folder"]),
    ("list of a file", ["list", "study.yaml"], ["study.yaml: cannot be listed: Not a directory"]),
    ("quiet and events", [*STUDY, "--quiet", "--json"], ["argument --json: not allowed with argument --quiet"]),
    ("events of a plan", [*STUDY, "--dry-run", "--json"], ["--dry-run prints a plan and trains nothing"]),
    ("a quiet plan", [*STUDY, "--dry-run", "--quiet"], ["--dry-run prints a plan and trains nothing"]),
    ("events of nothing", ["resume", "nothing", "--json"], ["nothing: no study there"]),
    ("tensorboard of nothing", ["tensorboard", "nothing"], ["nothing: no study there"]),
    ("train of nothing", ["train", "nothing.yaml"], ["nothing.yaml: no such file; give the path of a YAML file"]),
    (
        "train of a study",
        ["train", "study.yaml"],
        ["study.yaml: 6 mistakes\n", "space: unknown key", "config: is missing", "epochs: is missing"],
    ),
    (
        "results under a file",
        [*STUDY, "--results", "study.yaml/x"],
        ["the results folder cannot be written: Not a direct"],
    ),
    (
        "results under /proc",
        [*STUDY, "--results", "/proc/nowhere"],
        ["/proc/nowhere/tiny: the results folder cannot be w"],
    ),
    ("simulate under a file", ["simulate", "study.yaml/x.npy", "--steps", "40"], ["simulate: ", "study.yaml"]),
    ("simulate under /proc", ["simulate", "/proc/nowhere/x.npy", "--steps", "40"], ["simulate: ", "/proc/nowhere"]),
    ("simulate a huge eye", ["simulate", "x.npy", "--extent", "99"], ["simulate: ", "extent", "99"]),
    ("simulate nothing", ["simulate", "x.npy", "--steps", "0"], ["simulate: ", "steps"]),
    ("simulate half a step", ["simulate", "x.npy", "--steps", "1.5"], ["invalid int value: '1.5'"]),
]


@pytest.mark.parametrize(("arguments", "parts"), [case[1:] for case in COMMANDS], ids=[case[0] for case in COMMANDS])
def test_a_wrong_command_is_refused(cwd: Path, arguments: list[str], parts: list[str]) -> None:
    """What is misspelt, missing or not writable is named."""
    write_study(cwd)
    before = snapshot(cwd)
    check_refused(here(*arguments), *parts)
    assert snapshot(cwd) == before


REAL: list[tuple[list[str], list[str]]] = [
    (["run", "quickstrat"], ["did you mean 'quickstart'?"]),
    (["run", "study.yaml", "--driver", "inline", "--set", "search.trails=3"], ["search.trails: unknown key"]),
    (["status", "nothing"], ["nothing: no study there"]),
    (["train", "study.yaml"], ["config: is missing"]),
    (["simulate", "x.npy", "--extent", "99"], ["simulate: "]),
]


@pytest.mark.parametrize(("arguments", "parts"), REAL, ids=[" ".join(case[0][:2]) for case in REAL])
def test_a_mistake_in_a_shell(tmp_path: Path, arguments: list[str], parts: list[str]) -> None:
    """The process itself ends with code 2 and one message on standard error."""
    write_study(tmp_path)
    said = latent_tune(tmp_path, *arguments)
    check_refused(said, *parts)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stderr.txt", "stdout.txt", "study.yaml"]


@pytest.mark.cluster
def test_resources_that_no_machine_has(tmp_path: Path) -> None:
    """A trial that fits nowhere is refused before the study begins, not after a minute of waiting."""
    write_study(tmp_path, resources={"cpus_per_trial": 1000})
    said = latent_tune(tmp_path, "run", "study.yaml", "--driver", "ray")
    check_refused(
        said,
        "resources: one trial asks for 1000 CPU, and no single node of the cluster has that: ",
        "lower resources.cpus_per_trial",
    )
    assert not (tmp_path / "results").exists()
