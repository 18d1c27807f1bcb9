"""Seeds of a trial in several actors, and the driver killed in the middle of them."""

from pathlib import Path
from typing import Any

import pytest

from tests.behaviour.command import Running, Trained, here, ledger_of, poll, write_study
from tune.ledger.reader import LedgerReader

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(900)]

LIMIT_S = 400.0

STUDY: dict[str, Any] = {
    "fixed": {"sleep_s": 0.1},
    "space": {"x": {"choice": [0.1, 0.3]}},
    "search": {"method": "grid", "trials": 2},
    "seeds": [1, 2, 3, 4],
    "rungs": [{"epochs": 12, "seeds": 4}],
    "storage": {"checkpoints": 3},
}


def losses(ledger: LedgerReader) -> list[tuple[int, int, int, float]]:
    """Every epoch of every run, in the order of their names."""
    rows = ledger.curves().to_pylist()
    return sorted((row["trial"], row["seed"], row["epoch"], row["validation_loss"]) for row in rows)


def test_killed_while_spread_it_goes_on_packed(tmp_path: Path) -> None:
    """What each part has saved is kept, with what it had told; the results are as if nothing had happened."""
    folder, log = tmp_path / "results" / "tiny", tmp_path / "log"
    write_study(tmp_path, **STUDY, resources={"placement": "spread"})
    with Running(tmp_path, "run", "study.yaml", "--driver", "ray", QUADRATIC_LOG=str(log)) as process:
        poll(lambda: Trained.read(log).distinct >= 25 or not process.alive, "parts to have saved", LIMIT_S)
        assert process.alive, process.said()
        process.kill()
    assert any(folder.glob("checkpoints/0/seed-*"))
    said = here("resume", folder, "--driver", "inline", "--set", "resources.placement=packed", QUADRATIC_LOG=str(log))
    assert said.code == 0, said.err
    ledger = ledger_of(folder)
    trained = Trained.read(log)
    assert trained.distinct == 2 * 4 * 12
    assert trained.repeated <= 4 * 3  # at most what lies between two checkpoints, of each seed in training
    assert ledger.redone <= trained.repeated
    write_study(tmp_path, **STUDY)
    assert here("run", tmp_path / "study.yaml", "--results", tmp_path / "whole", "--driver", "inline").code == 0
    assert losses(ledger) == losses(ledger_of(tmp_path / "whole" / "tiny"))
