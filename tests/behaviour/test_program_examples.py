"""The programs in `examples/programs`, tuned as they stand over three seeds."""

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from tests.behaviour.command import ROOT
from tests.fakes.clock import Clock
from tune.adapters.loading import load
from tune.drivers.config_checks import refuse_configurations
from tune.drivers.inline import drive
from tune.drivers.job import Job
from tune.ledger.ledger import Ledger
from tune.optimizer.optimizer import Optimizer
from tune.study.reading import read_study

EXAMPLES = sorted((ROOT / "examples" / "programs").iterdir())
SLOW = ("lightning_cli", "sklearn", "tensorboard")
"""Programs that import much."""
HYDRA = Path(sys.prefix) / "hydra"
"""Where `make hydra` installs it, beside an environment that has another ANTLR than it wants."""
MOST_LINES = 12


@pytest.mark.parametrize(
    "example",
    [pytest.param(one, marks=[pytest.mark.slow] if one.name in SLOW else [], id=one.name) for one in EXAMPLES],
)
def test_a_program_is_tuned_as_it_stands(example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial is confirmed on three seeds, whose losses differ, and nothing is left beside the program."""
    if example.name == "hydra" and not importlib.util.find_spec("hydra"):
        if not HYDRA.is_dir():
            pytest.skip("Hydra is not installed: make hydra")
        monkeypatch.setenv("PYTHONPATH", str(HYDRA))
    if example.name == "lightning_cli":
        pytest.importorskip("jsonargparse", reason="jsonargparse is not installed")
    folder = tmp_path / example.name
    shutil.copytree(example, folder)
    monkeypatch.chdir(folder)
    study, before = read_study(folder / "study.yaml"), sorted(folder.rglob("*"))
    trainer = load(study)
    refuse_configurations(study, trainer)
    ledger = Ledger.open(study, tmp_path / "results", clock=Clock(tick_s=1.0))
    optimizer = Optimizer(ledger, ledger.elapsed_s)
    drive(Job(optimizer, study.recording, trainer))
    optimizer.finish()
    assert [attempt.cause for trial in ledger.trials for attempt in trial.counted_attempts] == []
    confirmed = [trial.number for trial in ledger.trials if trial.confirmed]
    assert confirmed
    rows = ledger.curves().to_pylist()
    ledger.close("finished")
    last = {
        row["seed"]: row[study.score.metric]
        for row in rows
        if row["trial"] == confirmed[0] and row["epoch"] == study.top.epochs
    }
    assert last.keys() == {0, 1, 2}
    assert None not in last.values()
    assert len(set(last.values())) == 3
    assert [path for path in sorted(folder.rglob("*")) if path not in before] == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_a_study_says_all_of_a_program_in_few_lines(example: Path) -> None:
    """Twelve at most, from `program` to the next key."""
    text = (example / "study.yaml").read_text()
    keys = list(yaml.safe_load(text))
    after = keys[keys.index("program") + 1]
    assert text[text.index("program:") : text.index(f"\n{after}:")].count("\n") < MOST_LINES
