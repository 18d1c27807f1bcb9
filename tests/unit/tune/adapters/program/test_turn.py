"""Turns of programs that name what they write after the second in which they do."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tune.adapters.program import turn
from tune.adapters.program.turn import Turn


def test_no_two_runs_have_a_second_in_common(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the one in which the other began, nor that in which it ended: a slow one names its folder late."""
    now = [1000.0]
    monkeypatch.setattr(turn, "time", SimpleNamespace(time=lambda: now[0]))
    first, second = Turn(str(tmp_path / "out")), Turn(str(tmp_path / "out"))
    assert first.take()
    now[0] = 1001.2
    assert not second.take()
    first.leave()
    assert not second.take()
    now[0] = 1002.0
    assert second.take()
    second.leave()
