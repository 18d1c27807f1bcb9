"""Whatever the user gets wrong: exit code 2, one message that says what to do, and nothing written or changed."""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.behaviour.command import Running, Said, here, latent_tune, status, write_study

LATENT: dict[str, Any] = {
    "trainer": "model.trainer:LatentEvolutionTrainer",
    "recording": {"path": "voltages.npy", "split": {"train": [0, 30], "validation": [30, 45], "test": [45, 60]}},
    "fixed": {"hidden_units": 8},
    "space": {"learning_rate": {"log_uniform": [1e-4, 1e-2]}, "latent_dims": {"int": [2, 8]}},
}
"""A study of the default trainer on a recording in a file; tiny, and never trained."""
SPLIT = LATENT["recording"]["split"]
STUDY = ["run", "study.yaml", "--driver", "inline"]
Array = np.ndarray[Any, Any]


def voltages(rows: int = 60, neurons: int = 4) -> Array:
    """A recording without mistakes."""
    return np.random.default_rng(0).standard_normal((rows, neurons)).astype(np.float32)


def with_value(row: int, column: int, value: float) -> Array:
    """A recording with one value changed."""
    changed = voltages()
    changed[row, column] = value
    return changed


def still(column: int) -> Array:
    """A recording with a neuron that never changes."""
    changed = voltages()
    changed[:, column] = 0.5
    return changed


def snapshot(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Size, time of change and content of everything below a folder, folders included.

    Of the index beside a log that a killed writer left only that it is there: SQLite makes it anew to read the log.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.name.endswith("-shm"):
            found[str(path.relative_to(folder))] = (0, 0, "")
            continue
        about = path.lstat()
        content = sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(folder))] = (about.st_size if content else 0, about.st_mtime_ns, content)
    return found


def check_refused(said: Said, *parts: str) -> None:
    """Exit code 2, one message with these parts, nothing on standard output, no traceback."""
    assert said.code == 2, said
    assert said.out == ""
    assert "Traceback" not in said.err
    lines = said.err.splitlines()
    if not said.err.startswith("latent-tune: "):  # argparse's own: the usage, then the message in one line
        assert said.err.startswith("usage: latent-tune")
        lines = lines[-1:]
    assert len([line for line in lines if line.startswith("latent-tune")]) == 1
    for part in parts:
        assert part in said.err, said.err


@pytest.fixture
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory; what is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return tmp_path


# ----------------------------------------------------------------------------------------------------- study files

STUDY_MISTAKES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("misspelt key", {"seds": [1]}, ["study.yaml: 1 mistake\n", ": seds: unknown key; did you mean 'seeds'?"]),
    (
        "misspelt key of a section",
        {"search": {"trails": 3}},
        [": search.trails: unknown key; did you mean 'trials'?"],
    ),
    ("wrong type", {"seeds": "1, 2"}, [": seeds: must be a valid list, got str '1, 2'"]),
    (
        "wrong type in a section",
        {"search": {"trials": 2.5}},
        [": search.trials: must be a valid integer, got float 2.5"],
    ),
    (
        "text for a number",
        {"resources": {"cpus_per_trial": "all"}},
        [": resources.cpus_per_trial: must be a valid num"],
    ),
    ("zero trials", {"search": {"trials": 0}}, [": search.trials: must be greater than or equal to 1, got int 0"]),
    (
        "unknown method",
        {"search": {"method": "bayes"}},
        [": search.method: must be 'tpe', 'gp', 'random' or 'grid', got str 'ba"],
    ),
    ("no name", {"name": None}, [": name: must be a valid string, got NoneType None"]),
    ("name that leaves the folder", {"name": "../elsewhere"}, [": name: String should match pattern"]),
    ("empty space", {"space": {}}, [": space: Dictionary should have at least 1 item"]),
    (
        "unknown kind of parameter",
        {"space": {"x": {"unifrom": [0, 1]}}},
        [": space.x: a parameter is one of {log_unif"],
    ),
    (
        "low above high",
        {"space": {"x": {"uniform": [1, 0]}}},
        [": space.x: low must be below high, got [1, 0]; swap"],
    ),
    ("logarithm of zero", {"space": {"x": {"log_uniform": [0, 1]}}}, [": space.x"]),
    ("choice of nothing", {"space": {"x": {"choice": []}}}, [": space.x.choice: List should have at least 1 item"]),
    ("the same choice twice", {"space": {"x": {"choice": [1, 1]}}}, [": space.x: each value once, got 1 twice"]),
    ("infinite bound", {"space": {"x": {"uniform": [0, float("inf")]}}}, [": space.x"]),
    ("parameter that is fixed too", {"fixed": {"x": 1}}, [": space.x: is also under `fixed`; keep one of the two"]),
    ("grid without points", {"search": {"method": "grid"}}, [": space.x: a grid needs countable parameters"]),
    ("seeds repeated", {"seeds": [1, 2, 1]}, [": seeds: each seed once, got 1 twice"]),
    ("negative seed", {"seeds": [1, -2, 3]}, [": seeds.1: must be greater than or equal to 0, got int -2"]),
    ("no seeds", {"seeds": []}, [": seeds: List should have at least 1 item"]),
    (
        "more seeds than there are",
        {"rungs": [{"epochs": 1, "seeds": 4}]},
        [": rungs.0.seeds: 4 seeds asked for, but `se"],
    ),
    ("no rungs", {"rungs": []}, [": rungs: List should have at least 1 item"]),
    (
        "rung without epochs",
        {"rungs": [{"epochs": 0, "seeds": 1}]},
        [": rungs.0.epochs: must be greater than or equal to"],
    ),
    (
        "ladder that falls",
        {"rungs": [{"epochs": 4, "seeds": 1}, {"epochs": 2, "seeds": 1}]},
        [": rungs.1: the ladder must rise: 2 epochs x 1 seeds after 4 x 1"],
    ),
    ("duration without unit", {"budget": {"wall_clock": "30mn"}}, [": budget.wall_clock: a duration is written like"]),
    (
        "budget too small for one trial",
        {"budget": {"seed_epochs": 3}},
        [": budget.seed_epochs: 3 cannot confirm one tr"],
    ),
    ("checkpoints never", {"storage": {"checkpoints": "never"}}, [": storage.checkpoints: "]),
    ("database of no known kind", {"storage": {"database": "nosql://x"}}, ["the study's database cannot be opened"]),
    (
        "negative resources",
        {"resources": {"gpus_per_trial": -1}},
        [": resources.gpus_per_trial: must be greater than or"],
    ),
    ("trainer without colon", {"trainer": "model.trainer"}, [": trainer: String should match pattern"]),
    (
        "trainer's module missing",
        {"trainer": "no.such.thing:Class"},
        ["trainer: 'no.such.thing' cannot be imported from ", "ModuleNotFoundError: No module named 'no'"],
    ),
    (
        "trainer's attribute missing",
        {"trainer": "tests.fakes.trainers:Cubic"},
        ["trainer: module 'tests.fakes.trainers' has no 'Cubic' (got 'tests.fakes.trainers:Cubic')"],
    ),
    (
        "class that is no trainer",
        {"trainer": "pathlib:Path"},
        ["trainer: pathlib:Path is no trainer, it lacks train, state, baseline, close; see tune.trainer.Trainer"],
    ),
    (
        "module that raises on import",
        {"trainer": "explosive:Trainer"},
        ["trainer: 'explosive' cannot be imported from ", "ZeroDivisionError: division by zero"],
    ),
    (
        "module that leaves on import",
        {"trainer": "leaving:Trainer"},
        ["trainer: 'leaving' cannot be imported from ", "SystemExit"],
    ),
    (
        "trainer's key misspelt under fixed",
        {**LATENT, "fixed": {"hiden_units": 8}},
        ["study tiny: 1 mistake\n", "  fixed.hiden_units: unknown parameter: did you mean 'hidden_units'?"],
    ),
    (
        "trainer's key misspelt under space",
        {**LATENT, "space": {"learning_rat": {"uniform": [0.1, 0.2]}}},
        ["study tiny: 1 mistake\n", "  space.learning_rat: unknown parameter: did you mean 'learning_rate'?"],
    ),
    (
        "value that the trainer does not allow",
        {**LATENT, "space": {"learning_rate": {"uniform": [-1, 0.1]}}},
        ["study tiny: 1 mistake\n", "  space.learning_rate: ", "got -1"],
    ),
    (
        "choice that the trainer does not allow",
        {**LATENT, "space": {"batch_size": {"choice": [16, 0]}}},
        ["  space.batch_size: ", "got 0"],
    ),
    ("type that the trainer does not allow", {**LATENT, "fixed": {"hidden_units": "many"}}, ["  fixed.hidden_units: "]),
    (
        "two of the trainer's",
        {**LATENT, "fixed": {"hiden_units": 8, "activation": "rellu"}},
        ["study tiny: 2 mistakes\n", "  fixed.hiden_units: ", "  fixed.activation: "],
    ),
]


@pytest.mark.parametrize(
    ("changes", "parts"), [case[1:] for case in STUDY_MISTAKES], ids=[c[0] for c in STUDY_MISTAKES]
)
def test_a_wrong_study_is_refused(cwd: Path, changes: dict[str, Any], parts: list[str]) -> None:
    """A mistake in the study is told with its place, and no folder is made."""
    write_study(cwd, **changes)
    (cwd / "explosive.py").write_text("1 / 0\n")
    (cwd / "leaving.py").write_text("raise SystemExit(0)\n")
    np.save(cwd / "voltages.npy", voltages())
    before = snapshot(cwd)
    check_refused(here(*STUDY), *parts)
    assert snapshot(cwd) == before


# ------------------------------------------------------------------------------------------- files that are no study

FILES: list[tuple[str, bytes | None, list[str]]] = [
    ("binary", bytes(range(256)), ["study.yaml: cannot be read: 'utf-8' codec can't decode"]),
    ("control characters", b"name: \x00\x01\n", ["study.yaml: 1 mistake\n  not YAML: "]),
    ("not YAML", b"name: [1, 2\nseeds: {", ["study.yaml: 1 mistake\n  line 2: not YAML: "]),
    ("empty", b"", ["study.yaml: 4 mistakes\n", "  name: is missing", "  seeds: is missing", "  rungs: is missing"]),
    ("a list", b"- 1\n- 2\n", ["study.yaml: 1 mistake\n  line 1: a mapping of keys to values is needed, got a list"]),
    (
        "a tag that would run code",
        b"name: !!python/object/apply:os.system ['touch owned']\n",
        ["study.yaml: 1 mistake\n  line 1: not YAML: could not determine a constructor for the tag"],
    ),
    (
        "a tag that would make an object",
        b"name: !!python/name:os.system\n",
        ["study.yaml: 1 mistake\n  line 1: not YAML: could not determine a constructor for the tag"],
    ),
    ("a key twice", b"name: a\nname: b\n", ["line 2: name: stands twice, first on line 1; keep one"]),
    ("far too large", b"#" * 2_000_000, ["study.yaml: 2,000,000 bytes is no study file; at most 1,000,000 are read"]),
    (
        "aliases that multiply",
        b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nname: tiny\n",
        ["study.yaml: ", "a: unknown key"],
    ),
    ("a folder", None, ["study.yaml: no such file, and no study of that name comes with the package"]),
]


@pytest.mark.parametrize(("content", "parts"), [case[1:] for case in FILES], ids=[case[0] for case in FILES])
def test_a_file_that_is_no_study_is_refused(cwd: Path, content: bytes | None, parts: list[str]) -> None:
    """Whatever stands in the file is data: it is read or refused, never run."""
    if content is None:
        (cwd / "study.yaml").mkdir()
    else:
        (cwd / "study.yaml").write_bytes(content)
    before = snapshot(cwd)
    check_refused(here(*STUDY), *parts)
    assert snapshot(cwd) == before


# -------------------------------------------------------------------------------------------------- command lines

COMMANDS: list[tuple[str, list[str], list[str]]] = [
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
    ("resume of nothing", ["resume", "nothing"], ["nothing: no study there"]),
    ("resume of another folder", ["resume", ".", "--driver", "inline"], [": no study there (study.db is missing)"]),
    ("compare of nothing", ["compare", "nothing", "0", "1"], ["nothing: no study there"]),
    ("compare of no number", ["compare", "nothing", "first", "second"], ["invalid int value: 'first'"]),
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


# ----------------------------------------------------------------------------------------------------- recordings

NINE = np.zeros((60, 4, 9), np.float32)
RECORDINGS: list[tuple[str, Array | None, dict[str, Any], list[str]]] = [
    ("missing", None, {}, ["recording.path: voltages.npy does not exist"]),
    (
        "objects",
        np.array([[{}] * 4] * 60, dtype=object),
        {},
        ["voltages.npy holds Python objects, which are never unpick"],
    ),
    (
        "not a number",
        with_value(37, 2, np.nan),
        {},
        ["voltages.npy must be finite (in float32), got nan at row 37, colu"],
    ),
    (
        "infinite",
        with_value(3, 1, np.inf),
        {},
        ["voltages.npy must be finite (in float32), got inf at row 3, column 1"],
    ),
    ("a constant neuron", still(1), {}, ["voltages.npy has 1 of 4 neurons that never change (columns 1)"]),
    ("a vector", voltages()[0], {}, ["voltages.npy must be a matrix [T, N], got shape (4,)"]),
    ("no column", NINE, {}, ["recording.column: must be one of INDEX, XPOS, YPOS, VOLTAGE", "got none"]),
    ("a wrong column", NINE, {"column": "VOLTS"}, ["recording.column: must be one of INDEX", "got 'VOLTS'"]),
    (
        "a column of a matrix",
        voltages(),
        {"column": "VOLTAGE"},
        ["recording.column: only [T, N, 9] files have columns"],
    ),
    (
        "split beyond the end",
        voltages(),
        {"split": {**SPLIT, "test": [45, 61]}},
        ["recording.split.test: must end at or before the recording's 60 rows, got [45, 61]"],
    ),
    (
        "splits overlapping",
        voltages(),
        {"split": {**SPLIT, "validation": [29, 45]}},
        ["recording.split.validation: overlaps train; got [29, 45] and [0, 30]"],
    ),
    (
        "split backwards",
        voltages(),
        {"split": {**SPLIT, "train": [30, 0]}},
        ["recording.split.train: must be [start, stop)"],
    ),
    ("misspelt key", voltages(), {"splitt": {}}, ["recording.splitt: unknown key; did you mean 'split'?"]),
    ("two sources", voltages(), {"simulate": {}}, ["recording: needs either simulate or path, got both"]),
]


@pytest.mark.parametrize(
    ("array", "changes", "parts"), [case[1:] for case in RECORDINGS], ids=[case[0] for case in RECORDINGS]
)
def test_a_wrong_recording_is_refused(
    cwd: Path, array: Array | None, changes: dict[str, Any], parts: list[str]
) -> None:
    """A recording is checked whole before a study begins: the file, the row, the column, the rule."""
    write_study(cwd, **{**LATENT, "recording": {**LATENT["recording"], **changes}})
    if array is not None:
        np.save(cwd / "voltages.npy", array)
    before = snapshot(cwd)
    check_refused(here(*STUDY), *parts)
    assert snapshot(cwd) == before


@pytest.mark.parametrize("left", [0, 5, 100, 500])
def test_a_truncated_recording_is_refused(cwd: Path, left: int) -> None:
    """However little is left of a file, it is refused before anything is read from it."""
    write_study(cwd, **LATENT)
    np.save(cwd / "voltages.npy", voltages())
    os.truncate(cwd / "voltages.npy", left)
    before = snapshot(cwd)
    check_refused(here(*STUDY), "recording.path: voltages.npy is ")
    assert snapshot(cwd) == before


# -------------------------------------------------------------------------------------------- folders with a study


@dataclass(frozen=True)
class Study:
    """A working directory with a study in it."""

    cwd: Path
    folder: Path


@pytest.fixture(scope="module", params=["finished", "half-finished"])
def study(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study that is finished, and one that was killed half-way."""
    cwd = tmp_path_factory.mktemp(request.param)
    arguments = ["run", "study.yaml", "--driver", "inline"]
    if request.param == "finished":
        write_study(cwd, fixed={})
        assert latent_tune(cwd, *arguments).code == 0
    else:
        write_study(cwd)
        with Running(cwd, *arguments) as process:
            process.until(lambda: any(cwd.glob("results/tiny/checkpoints/2/*.pt")), "the third trial")
            process.kill()
    return Study(cwd, cwd / "results" / "tiny")


CONFLICTS: list[tuple[str, Callable[[Path], list[str]], list[str]]] = [
    (
        "another space",
        lambda cwd: ["run", str(cwd / "study.yaml"), "--set", "space.x.uniform=[0, 2]"],
        ["holds another study of the name 'tiny'\n", "space.x.uniform: there [0.0, 1.0], asked for [0.0, 2.0]"],
    ),
    (
        "other seeds",
        lambda cwd: ["run", str(cwd / "study.yaml"), "--set", "seeds=[1, 2, 4]"],
        ["  seeds: there [1, 2, 3], asked for [1, 2, 4]\n", "give this one another name (--set name=...)"],
    ),
    (
        "another trainer",
        lambda cwd: ["run", str(cwd / "study.yaml"), "--set", "trainer=tests.fakes.trainers:Choosy"],
        ["trainer: there tests.fakes.trainers:Quadratic, asked for tests.fakes.trainers:Choosy"],
    ),
    *(
        (
            f"grown with {' '.join(options)}",
            lambda cwd, given=options: ["resume", str(cwd / "results" / "tiny"), *given],
            parts,
        )
        for options, parts in [
            (["--trials", "0"], ["search.trials: must be greater than or equal to 1, got int 0"]),
            (["--trials", "1"], ["trials have been started, asked for 1; trials are never taken back"]),
            (["--epochs", "5"], ["epochs: 5 asked for, but a full training has 5 already; give more"]),
            (["--seeds", "7,x"], ["--seeds: numbers with commas between them are wanted", "got 'x'"]),
            (["--seeds", "7,1"], ["seeds: each seed once, got 1 twice"]),
            (["--budget", "seed_epoch=99"], ["unknown key; did you mean 'seed_epochs'?"]),
            (["--budget", "99"], ["--set budget.99: write path=value"]),
            (["--budget", "wall_clock=1ms"], ["a duration is written like 90s"]),
            (["--set", "fixed.sleep_s=2"], ["every trial so far was trained with the old value"]),
            (["--set", "space.x.uniform=[0.4,0.5]"], ["it must hold every value that could be tried before"]),
            (["--set", "space.x={choice: [0.3, 0.4]}"], ["it must hold every value that could be tried before"]),
            (["--set", "space.y.uniform=[0,1]"], ["old trials have no value of it"]),
            (["--set", "rungs=[{epochs: 9, seeds: 3}]"], ["trials stand at the old rungs"]),
            (["--set", "score.risk=2"], ["every score so far was worked out with the old value"]),
            (["--set", "seeds=[3,2,1]"], ["the old seeds come first and in their order"]),
            (["--set", "name=other"], ["it names the folder and the study in its database"]),
        ]
    ),
    ("a trial that is not there", lambda cwd: ["compare", str(cwd / "results" / "tiny"), "0", "99"], ["99"]),
    ("a list of a study", lambda cwd: ["list", str(cwd / "results" / "tiny")], ["is a study itself; see it with"]),
    *(
        (
            f"epochs {epochs!r} compared",
            lambda cwd, given=epochs: ["compare", str(cwd / "results" / "tiny"), "0", "1", "--epochs", given],
            [part],
        )
        for epochs, part in [
            ("99", "--epochs: 1 to "),
            ("0", "have been trained by some seed of these trials; got 0"),
            ("1,x", "--epochs: numbers with commas between them are wanted"),
            ("", "have been trained by some seed of these trials; none is given"),
        ]
    ),
]


@pytest.mark.parametrize(("arguments", "parts"), [case[1:] for case in CONFLICTS], ids=[case[0] for case in CONFLICTS])
def test_another_study_does_not_touch_this_one(
    study: Study, arguments: Callable[[Path], list[str]], parts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would change the meaning of a study's results is refused with the difference; every file stays as it was."""
    monkeypatch.chdir(study.cwd)
    given = arguments(study.cwd)
    before = snapshot(study.folder)
    assert {"study.yaml", "study.db"} <= before.keys()
    check_refused(here(*given, *(["--driver", "inline"] if given[0] in ("run", "resume") else [])), *parts)
    assert snapshot(study.folder) == before


def test_a_live_study_is_not_run_twice(tmp_path: Path) -> None:
    """The second process is refused and told which process and host it is; the first goes on undisturbed."""
    write_study(tmp_path, fixed={"sleep_s": 0.5})
    other = tmp_path / "other"
    other.mkdir()
    with Running(tmp_path, "run", "study.yaml", "--driver", "inline") as first:
        first.until(lambda: any(tmp_path.glob("results/tiny/checkpoints/0/*.pt")), "the first rung")
        for arguments in (["run", "../study.yaml", "--results", "../results"], ["resume", "../results/tiny"]):
            said = latent_tune(other, *arguments, "--driver", "inline")
            check_refused(said, f"process {first.pid} on {os.uname().nodename} is running this study (last heard of ")
        assert first.alive
        assert status(tmp_path / "results" / "tiny")["state"] == "running"
        first.signal(signal.SIGTERM)
        assert first.wait() == 130
    assert status(tmp_path / "results" / "tiny")["sessions"] == ["interrupted"]


# ------------------------------------------------------------------------------------------------------- trainings

TRAINING: dict[str, Any] = {
    "name": "one",
    "trainer": "tests.fakes.trainers:Quadratic",
    "recording": {},
    "config": {"x": 0.5},
    "seeds": [1, 2],
    "epochs": 2,
}
TRAININGS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("misspelt key", {"epoch": 3}, ["one.yaml: 1 mistake\n", "epoch: unknown key; did you mean 'epochs'?"]),
    ("wrong type", {"epochs": "two"}, ["epochs: must be a valid integer, got str 'two'"]),
    ("seeds repeated", {"seeds": [1, 1]}, ["seeds: each seed once, got [1, 1]"]),
    ("no epochs", {"epochs": 0}, ["epochs: must be greater than or equal to 1, got int 0"]),
    ("unknown trainer", {"trainer": "no_such:Class"}, ["trainer: 'no_such' cannot be imported"]),
    (
        "trainer's key misspelt",
        {"trainer": LATENT["trainer"], "config": {"learning_rat": 0.1}},
        ["one.yaml: 1 mistake\n", "config.learning_rat: unknown parameter: did you mean 'learning_rate'?"],
    ),
    (
        "recording missing",
        {"trainer": LATENT["trainer"], "recording": {"path": "gone.npy"}, "config": {"latent_dims": 2}},
        ["recording.path: gone.npy does not exist"],
    ),
]


@pytest.mark.parametrize(("changes", "parts"), [case[1:] for case in TRAININGS], ids=[case[0] for case in TRAININGS])
def test_a_wrong_training_is_refused(cwd: Path, changes: dict[str, Any], parts: list[str]) -> None:
    """A training file is checked like a study."""
    (cwd / "one.yaml").write_text(yaml.safe_dump({**TRAINING, **changes}, sort_keys=False))
    before = snapshot(cwd)
    check_refused(here("train", "one.yaml"), *parts)
    assert snapshot(cwd) == before


# ------------------------------------------------------------------------------------- as the shell runs them

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
