"""The script for a GPU, played on a CPU: every line of it runs, and a capture there behaves as CUDA's does."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import gpu_training
from benchmarks.gpu_checks import CHECKS
from benchmarks.rehearsal import Graph, _Recorder

ROOT = Path(__file__).parents[3]


@pytest.mark.timeout(600)
def test_every_line_of_the_script_runs(tmp_path: Path) -> None:
    """It ends well, with each check passed and the table last, and leaves no result behind."""
    if shutil.which("bash") is None:
        pytest.skip("no bash on PATH")
    before = {path: path.stat().st_mtime_ns for path in (ROOT / "benchmarks" / "results").rglob("*")}
    env = {**os.environ, "PYTHON": sys.executable, "TMPDIR": str(tmp_path)}
    script = [str(ROOT / "benchmarks" / "gpu.sh"), "--rehearse"]
    done = subprocess.run(script, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(f"ok     {check.__name__}" in done.stdout for check in CHECKS)
    assert "FAILED" not in done.stdout
    assert "a CPU that plays a GPU\ntraining" in done.stdout.rpartition("\nwritten: ")[2]
    assert before == {path: path.stat().st_mtime_ns for path in (ROOT / "benchmarks" / "results").rglob("*")}
    assert not list(tmp_path.glob("tmp.*"))


def test_a_capture_changes_nothing_and_a_replay_does_it_each_time() -> None:
    """Sums in place, results of their own, views of them: all are as if the function had been called again."""
    x, total = torch.ones(3), torch.zeros(3)
    graph = Graph()
    with _Recorder(graph):
        doubled = (x * 2).view(3)
        total.add_(doubled[:2].sum())
    assert total.tolist() == [0.0, 0.0, 0.0]
    for value in (1.0, 5.0):
        x.fill_(value)
        graph.replay()
        assert doubled.tolist() == [2 * value] * 3
    assert total.tolist() == [4.0 + 20.0] * 3


def test_a_value_that_the_host_waits_for_breaks_a_capture() -> None:
    """As it does on a GPU, where a training then goes on without a graph."""
    with pytest.raises(RuntimeError, match="not permitted when stream is capturing"), _Recorder(Graph()):
        bool((torch.ones(2).sum() > 1).item())


def test_a_row_that_fails_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that runs out of memory is named; what was measured is in the file, and the exit code says so."""

    def measured(_: object, seeds: int, *__: object, **config: object) -> dict[str, float]:
        if seeds == 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return {"build_s": 1.0, "first_epoch_s": 1.0, "epoch_s": 0.5, "peak_memory_mib": float(len(config))}

    monkeypatch.setattr(gpu_training, "record", lambda _: {})
    monkeypatch.setattr(gpu_training, "epochs_s", measured)
    monkeypatch.setattr(gpu_training, "RESULTS", tmp_path)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "none")
    assert gpu_training.main() == 4
    written = json.loads((tmp_path / "gpu_training.json").read_text())
    assert [row["seeds"] for row in written["rows"]] == [1] * 9 + [10, 1]
    assert written["failed"] == [
        "13,741 x 256, five seeds, tf32: CUDA out of memory",
        "13,741 x 256, five seeds, bfloat16: CUDA out of memory",
        "the lab's later model, five seeds, tf32: CUDA out of memory",
        "1,203 x 256, 20 steps and 40, five seeds: CUDA out of memory",
    ]
    assert written["ten_seeds_over_one"] == 1.0
    assert "FAILED 13,741 x 256, five seeds, tf32" in capsys.readouterr().out
