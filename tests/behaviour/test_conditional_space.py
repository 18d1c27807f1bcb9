"""A study with conditions, constraints, steps, lists and priors, from its file to every view of it."""

import json
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

from tests.behaviour.command import here, ledger_of, status, write_study
from tune.study.settings.constraints import violated

SPACE: dict[str, Any] = {
    "x": {"uniform": [0, 1], "step": 0.1, "prior": 0.3},
    "schedule": {"choice": ["constant", "cosine", None]},
    "warmup": {"int": [0, 8], "step": 2, "when": {"schedule": "cosine"}},
    "shape": {"choice": [[64, 64], [128], {"depth": 2, "kind": "wide"}]},
}
STUDY: dict[str, Any] = {
    "space": SPACE,
    "where": ["warmup <= x * 10", "x < 0.9 or schedule == 'cosine'"],
    "search": {"trials": 14, "seed": 1},
    "fixed": {"betas": [0.9, 0.99]},
}
INLINE = ("--driver", "inline")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that was run to its end."""
    cwd = tmp_path_factory.mktemp("conditional")
    write_study(cwd, **STUDY)
    said = here("run", "study.yaml", *INLINE, cwd=cwd)
    assert said.code == 0, said.err
    assert "warmup" in said.out
    return cwd / "results" / "tiny"


def test_every_trial_is_one_of_the_space(folder: Path) -> None:
    """What does not exist is absent from the configuration, no constraint is violated, the first trial is the prior."""
    trials = ledger_of(folder).trials
    assert len(trials) == 14
    for trial in trials:
        assert ("warmup" in trial.parameters) == (trial.parameters["schedule"] == "cosine")
        assert not violated(STUDY["where"], trial.parameters)
        assert trial.parameters["shape"] in SPACE["shape"]["choice"]
    assert (trials[0].refused or [trials[0].parameters])[0]["x"] == 0.3


def test_every_view_has_what_a_trial_has(folder: Path) -> None:
    """status, report, compare, best.yaml and Optuna's study: lists as they are written, a dash for what is absent."""
    trials = ledger_of(folder).trials
    best = status(folder)["incumbent"]["parameters"]
    assert best in [trial.parameters for trial in trials]
    config = yaml.safe_load((folder / "best.yaml").read_text())["config"]
    assert config == {"betas": [0.9, 0.99], **best}
    report = (folder / "report.md").read_text()
    assert "[64, 64]" in report or '{"depth": 2, "kind": "wide"}' in report
    assert "Only trials that have it are drawn against warmup." in report
    one = next(trial.number for trial in trials if "warmup" in trial.parameters)
    other = next(trial.number for trial in trials if "warmup" not in trial.parameters)
    said = here("compare", str(folder), str(one), str(other), cwd=folder.parent)
    assert said.code == 0
    row = next(line.split() for line in said.out.splitlines() if line.split()[:1] == ["warmup"])
    assert row == ["warmup", str(trials[one].parameters["warmup"]), "–"]
    optunas = optuna.load_study(study_name=None, storage=f"sqlite:///{folder / 'study.db'}").trials
    assert [sorted(trial.params) for trial in optunas] == [sorted(trial.parameters) for trial in trials]
    assert optunas[0].params["shape"] == (json.dumps(trials[0].parameters["shape"], sort_keys=True))


def test_tensorboard_has_a_column_for_each_parameter(folder: Path) -> None:
    """A session tells the values of those that its trial has, lists as text."""
    trials = ledger_of(folder).trials
    told = []
    for number in range(3):
        events = EventAccumulator(str(next((folder / "tensorboard").rglob(f"*{number:04d}*/seed*/"))))
        events.Reload()
        content = events.summary_metadata[metadata.SESSION_START_INFO_TAG].plugin_data.content
        session = metadata.parse_session_start_info_plugin_data(content)
        told.append(set(session.hparams))
    assert told == [set(trial.parameters) for trial in trials[:3]]


def test_the_winner_is_trained_again_and_another_study_begins_with_it(folder: Path) -> None:
    """`train best.yaml` takes lists; `search.enqueue` takes the folder, best first, and keeps what it read."""
    cwd = folder.parents[1]
    assert here("train", str(folder / "best.yaml"), cwd=cwd).code == 0
    study = {**STUDY, "name": "next", "search": {"trials": 4, "enqueue": "results/tiny"}}
    write_study(cwd, **study)
    said = here("run", "study.yaml", *INLINE, cwd=cwd)
    assert said.code == 0
    assert "results/tiny: " in said.err
    again = ledger_of(cwd / "results" / "next")
    assert again.trials[0].parameters == status(folder)["incumbent"]["parameters"]
    assert again.trials[0].reason
    kept = yaml.safe_load((cwd / "results" / "next" / "study.yaml").read_text())["search"]["enqueue"]
    assert kept[0] == again.trials[0].parameters


def test_a_study_is_set_and_grows_by_what_is_new(folder: Path) -> None:
    """`--set` takes lists and conditions; what exists only under a new value may be added to a study."""
    cwd = folder.parents[1]
    write_study(cwd, **{**STUDY, "name": "grown", "search": {"trials": 4}})
    shape = "space.shape.choice=[[64, 64], [128], {depth: 2, kind: wide}, [1]]"
    assert here("run", "study.yaml", *INLINE, "--set", shape, cwd=cwd).code == 0
    new = (
        "space.schedule.choice=[constant, cosine, null, cyclic]",
        "space.cycles={int: [1, 4], when: {schedule: cyclic}}",
    )
    sets = [part for one in new for part in ("--set", one)]
    said = here("resume", "results/grown", *INLINE, "--trials", "8", *sets, cwd=cwd)
    assert said.code == 0, said.err
    assert len(ledger_of(cwd / "results" / "grown").trials) == 8
    refused = here("resume", "results/grown", *INLINE, "--set", "where=[x < 0.1]", cwd=cwd)
    assert refused.code == 2
    assert "conditions" in refused.err
