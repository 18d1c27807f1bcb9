"""The user's files may have any name and lie anywhere: theirs is for their code, ours for ours, on every driver."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.behaviour.command import DEADLINE_S, Said

TRAINER = """
class Mine:
    def __init__(self, config, recording, seeds, state=None):
        self.config, self.recording, self.seeds = config, recording, list(seeds)
        self.epoch = next(iter(state.values()))["epoch"] if state else 0

    def train(self, epochs):
        {first}
        for _ in range(epochs):
            self.epoch += 1
            yield {{"validation_loss": [self.config["x"] + 1 / (1 + self.epoch) + seed / 100 for seed in self.seeds]}}

    def state(self):
        return {{seed: {{"epoch": self.epoch}} for seed in self.seeds}}

    def baseline(self):
        return {{"validation_loss": 9.0}}

    def close(self):
        pass
"""
STRANGERS = ("tune.py", "ray.py", "model.py", "optuna.py", "rich.py", "pyarrow.py", "pydantic.py", "select.py")
"""Files that nobody asked for, and that end whoever imports them."""

DRIVERS = ["inline", pytest.param("ray", marks=pytest.mark.cluster)]
SLOWLY = [
    pytest.param("inline", marks=pytest.mark.slow),
    pytest.param("ray", marks=[pytest.mark.cluster, pytest.mark.slow]),
]


def latent_tune(cwd: Path, *arguments: str | Path) -> Said:
    """Runs the program as it is installed; `python -m` would put the working directory first by itself."""
    program = Path(sys.executable).with_name("latent-tune")
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(program), *map(str, arguments)],
        cwd=cwd,
        env={**env, "NO_COLOR": "1", "COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def write(folder: Path, **changes: Any) -> Path:
    """Writes a small study of `mine:Mine`; returns its file."""
    study = {
        "name": "small",
        "trainer": "mine:Mine",
        "recording": {},
        "space": {"x": {"uniform": [0, 1]}},
        "search": {"method": "random", "trials": 2, "seed": 3},
        "seeds": [1, 2],
        "epochs": 2,
        **changes,
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    return folder / "study.yaml"


def trainer(folder: Path, head: str = "", first: str = "pass", name: str = "mine") -> None:
    """Writes a trainer that imports something, and does something at the beginning of a unit."""
    (folder / f"{name}.py").write_text(head + TRAINER.format(first=first))


def check_commands(cwd: Path, driver: str, *, every: bool = False) -> None:
    """Run, look, resume for more, train again: each comes to its end."""
    folder = cwd / "results" / "small"
    dry: list[tuple[str | Path, ...]] = [("run", "study.yaml", "--dry-run", "--driver", driver)]
    looking: list[tuple[str | Path, ...]] = [
        ("status", folder),
        ("report", folder),
        ("compare", folder, "0", "1"),
        ("evaluate", folder),
    ]
    for command in (
        *(dry if every else []),
        ("run", "study.yaml", "--driver", driver),
        *(looking if every else []),
        ("resume", folder, "--trials", "3", "--driver", driver),
        ("train", folder / "best.yaml"),
    ):
        said = latent_tune(cwd, *command)
        assert said.code == 0, f"{command}: {said.out[-500:]}{said.err}"
    found = json.loads(latent_tune(cwd, "status", folder, "--json").out)
    assert (found["state"], sum(found["trials"].values()), found["trials"]["failed"]) == ("finished", 3, 0)


@pytest.mark.parametrize("driver", SLOWLY)
def test_strangers_in_the_folder_are_not_taken_for_ours(tmp_path: Path, driver: str) -> None:
    """Files with the names of this package and of what it uses stop no command."""
    for name in STRANGERS:
        (tmp_path / name).write_text(f"raise SystemExit('{name} of the folder was imported')\n")
    trainer(tmp_path)
    write(tmp_path)
    check_commands(tmp_path, driver, every=True)


@pytest.mark.parametrize("driver", SLOWLY)
def test_a_trainer_gets_its_own_modules(tmp_path: Path, driver: str) -> None:
    """What it imports of its folder is what lies there, whatever else has that name; also while it trains."""
    for name in ("tune", "ray"):
        (tmp_path / f"{name}.py").write_text("OWN = True\n")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "__init__.py").write_text("from model.layers import OWN\n")
    (tmp_path / "model" / "layers.py").write_text("OWN = True\n")
    head = "import model\nimport ray\nimport tune\n\nassert model.OWN and ray.OWN and tune.OWN\n"
    trainer(tmp_path, head, "from model.layers import OWN; assert OWN and tune.OWN and ray.OWN")
    write(tmp_path)
    check_commands(tmp_path, driver)


@pytest.mark.parametrize("driver", SLOWLY)
def test_a_trainer_may_be_called_model(tmp_path: Path, driver: str) -> None:
    """`model:Mine` is the user's, though a package of ours has that name."""
    trainer(tmp_path, name="model")
    write(tmp_path, trainer="model:Mine")
    check_commands(tmp_path, driver)


@pytest.mark.parametrize(
    ("file", "driver"),
    [
        ("model.py", "inline"),
        pytest.param("model/__init__.py", "inline", marks=pytest.mark.slow),
        pytest.param("model/trainer.py", "inline", marks=pytest.mark.slow),
        pytest.param("model.py", "ray", marks=[pytest.mark.cluster, pytest.mark.slow]),
    ],
)
def test_our_trainer_is_ours(tmp_path: Path, driver: str, file: str) -> None:
    """The built-in trainer trains beside a model of the user's."""
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text("raise SystemExit('the model of the folder was imported')\n")
    recording = {"simulate": {"steps": 400, "seed": 1}}
    fixed = {"hidden_units": 8, "latent_dims": 2, "batch_size": 32}
    space = {"learning_rate": {"log_uniform": [1e-3, 1e-2]}}
    write(tmp_path, trainer="model.trainer:LatentEvolutionTrainer", recording=recording, fixed=fixed, space=space)
    said = latent_tune(tmp_path, "run", "study.yaml", "--driver", driver)
    assert said.code in (0, 1), said.err  # few epochs of a small model may come to nothing
    found = json.loads(latent_tune(tmp_path, "status", tmp_path / "results" / "small", "--json").out)
    assert (found["state"], found["trials"]["failed"]) == ("finished", 0), said.err
    said = latent_tune(tmp_path, "simulate", "--steps", "300", "--extent", "1", tmp_path / "flies.npy")
    assert said.code == 0, said.err


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_study_works_in_its_own_folder(tmp_path: Path, driver: str) -> None:
    """Run from elsewhere and resumed from elsewhere, what is relative is looked for beside the study file."""
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    elsewhere.mkdir()
    (project / "settings.txt").write_text("here")
    first = "assert open('settings.txt').read() == 'here'"
    trainer(project, first=first)
    write(project)
    said = latent_tune(tmp_path, "run", "project/study.yaml", "--driver", driver)
    assert said.code == 0, said.err
    folder = tmp_path / "results" / "small"
    assert folder.is_dir()
    assert not (project / "results").exists()
    said = latent_tune(elsewhere, "resume", folder, "--trials", "3", "--driver", driver)
    assert said.code == 0, said.err
    assert f"working in {project}, where it was begun" in said.out
    said = latent_tune(elsewhere, "train", folder / "best.yaml")
    assert said.code == 0, said.err
    assert (elsewhere / "results").is_dir()


def test_code_beside_the_caller_is_found_too(tmp_path: Path) -> None:
    """A project whose studies lie in a folder of their own imports its trainer from where it is called."""
    (tmp_path / "studies").mkdir()
    (tmp_path / "lab").mkdir()
    trainer(tmp_path / "lab")
    write(tmp_path / "studies", trainer="lab.mine:Mine")
    said = latent_tune(tmp_path, "run", "studies/study.yaml", "--driver", "inline")
    assert said.code == 0, said.err
    said = latent_tune(tmp_path / "lab", "resume", "../results/small", "--trials", "3", "--driver", "inline")
    assert said.code == 0, said.err


@pytest.mark.slow
def test_a_strangers_study_names_no_folder(tmp_path: Path) -> None:
    """Code is not imported from a folder that a study names which somebody else owns."""
    if os.getuid() != 0:
        pytest.skip("only root may give a file to another")
    trainer(tmp_path)
    write(tmp_path)
    assert latent_tune(tmp_path, "run", "study.yaml", "--driver", "inline").code == 0
    folder = tmp_path / "results" / "small"
    os.chown(folder, 12345, 12345)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    said = latent_tune(elsewhere, "resume", folder, "--trials", "3", "--driver", "inline")
    assert said.code == 2
    assert "No module named 'mine'" in said.err


def test_a_link_to_a_study_works_where_that_lies(tmp_path: Path) -> None:
    """As `python` does with a link to a script."""
    (tmp_path / "project").mkdir()
    trainer(tmp_path / "project")
    (tmp_path / "link.yaml").symlink_to(write(tmp_path / "project"))
    said = latent_tune(tmp_path, "run", "link.yaml", "--driver", "inline")
    assert said.code == 0, said.err


@pytest.mark.slow
def test_a_winner_is_not_trained_with_other_code(tmp_path: Path) -> None:
    """Where its trainer was edited, or its folder is gone, that is said, and what to do."""
    project = tmp_path / "project"
    project.mkdir()
    trainer(project)
    assert latent_tune(tmp_path, "run", write(project), "--driver", "inline").code == 0
    best = tmp_path / "results" / "small" / "best.yaml"
    with (project / "mine.py").open("a") as file:
        file.write("# edited\n")
    said = latent_tune(tmp_path, "train", best)
    assert said.code == 2
    assert "the trainer's source is not the one that its results are of" in said.err
    assert latent_tune(tmp_path, "train", best, "--accept-code").code == 0
    project.rename(tmp_path / "elsewhere")
    said = latent_tune(tmp_path, "train", best, "--set", "name=again")
    assert said.code == 2
    assert f"this study was begun in {project}, which is not here" in said.err
    said = latent_tune(tmp_path, "resume", best.parent, "--trials", "3", "--driver", "inline")
    assert said.code == 2
    assert f"this study was begun in {project}, which is not here" in said.err


def test_an_environment_in_the_folder_is_no_code_of_the_study(tmp_path: Path) -> None:
    """What is installed below the working folder is loaded once and stays, as where it lies elsewhere."""
    script = tmp_path / "script.py"
    site = tmp_path / ".venv" / "site-packages"
    (site / "rich").mkdir(parents=True)
    (site / "rich" / "__init__.py").write_text("")
    trainer(tmp_path)
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(site)!r})\nimport rich\nimport tune.trainer as trainer\n"
        "trainer.load_trainer('mine:Mine')\nassert sys.modules['rich'] is rich\n"
    )
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
