"""`kill -9` of a study of programs at random moments, then `resume`: nothing is lost, little is trained again."""

import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.behaviour.command import Running, here, ledger_of, text_of, write_study
from tests.fakes.programs import LEARNS, LINES, PYTHON, learned, script

KILLS = 5
TRIALS = 6
EPOCHS = 6


def study_of(folder: Path) -> dict[str, Any]:
    """Programs that save before they tell, and note each epoch that they train."""
    words = ["--x", "{x}", "--seed", "{seed}", "--epochs", "{epochs}", "--pause", "0.01"]
    command = [*PYTHON, script(folder, LEARNS), *words, "--checkpoint", "{checkpoint}", "--log", str(folder / "log")]
    return {
        "trainer": None,
        "fixed": {},
        "program": {"command": command, "metrics": {"lines": LINES, "names": {"validation_loss": "loss"}}},
        "search": {"method": "random", "trials": TRIALS, "seed": 3},
        "rungs": [{"epochs": 2, "seeds": 2}, {"epochs": EPOCHS, "seeds": 3}],
        "storage": {"checkpoints": "every_epoch"},
    }


@pytest.mark.slow
@pytest.mark.parametrize("draw", range(2))
def test_killed_at_random_moments(tmp_path: Path, draw: int) -> None:
    """Every row is there once and right; what was trained twice lay beyond the last checkpoint, at most two epochs."""
    random = Random(draw)  # noqa: S311
    study = study_of(tmp_path)
    write_study(tmp_path, **{key: value for key, value in study.items() if value is not None})
    path = tmp_path / "study.yaml"
    path.write_text("\n".join(line for line in path.read_text().splitlines() if not line.startswith("trainer:")))
    folder, arguments, kills = tmp_path / "results" / "tiny", ("run", "study.yaml", "--driver", "inline"), 0
    while kills < KILLS:
        with Running(tmp_path, *arguments) as process:
            told = len(text_of(tmp_path / "log").splitlines()) + random.randrange(1, 6)
            process.until(lambda told=told: len(text_of(tmp_path / "log").splitlines()) >= told, "more epochs")  # type: ignore[misc]
            time.sleep(random.uniform(0, 0.02))
            process.kill()
            kills += 1
        if (folder / "study.yaml").exists():
            arguments = ("resume", str(folder))
    assert here("resume", folder, "--driver", "inline").code == 0
    ledger = ledger_of(folder)
    assert kills == KILLS
    assert len(ledger.trials) == TRIALS
    assert all(trial.confirmed or trial.ended for trial in ledger.trials)
    rows = {(row["trial"], row["seed"], row["epoch"]): row["validation_loss"] for row in ledger.curves().to_pylist()}
    for trial in ledger.trials:
        assert trial.last is not None
        rung = ledger.study.rungs[trial.last.rung]
        for seed in ledger.study.rung_seeds(trial.last.rung):
            found = [rows[trial.number, seed, epoch] for epoch in range(1, rung.epochs + 1)]
            assert found == learned(trial.parameters["x"], seed, rung.epochs)
    trained = Counter(text_of(tmp_path / "log").splitlines())
    assert len(trained) == len(rows)
    assert not list((folder / ".runs").glob("*"))
    # At a kill each of at most three seeds may be two epochs beyond its checkpoint: one told, one under way.
    assert trained.total() - len(trained) <= kills * 3 * 2
