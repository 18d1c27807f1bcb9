"""Somebody sets the clock while a study runs."""

import time
from itertools import cycle
from pathlib import Path

import pytest

from tests.behaviour.command import decided, here, ledger_of, status, write_study


def test_a_clock_that_is_set_ends_no_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the wall clock is hours off, to and fro: the study decides as ever, and lasted seconds."""
    really = time.time
    for name, jumps in (("steady", cycle([0.0])), ("jumping", cycle([0.0, 3 * 3600.0, -5 * 3600.0]))):
        cwd = tmp_path / name
        cwd.mkdir()
        write_study(cwd, budget={"wall_clock": "30min"})
        monkeypatch.setattr(time, "time", lambda jumps=jumps: really() + next(jumps))
        said = here("run", cwd / "study.yaml", "--results", cwd, "--driver", "inline")
        assert said.code == 0, said.err
        assert 0 <= status(cwd / "tiny")["seconds"] < 1800
    assert decided(ledger_of(tmp_path / "jumping" / "tiny")) == decided(ledger_of(tmp_path / "steady" / "tiny"))
