"""A program as a trainer: its epochs, its state, its end."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.fakes.programs import LEARNS, LINES, PYTHON, children, learned, script, section, trainer_of
from tune.errors import TrainerMistake
from tune.study.program.section import Program


def learns(folder: Path, *more: str, **keys: Any) -> Program:
    """The little program, told in lines of its output."""
    command = [*PYTHON, script(folder, LEARNS), "--x", "{x}", "--seed", "{seed}", *more]
    return section(command, **{"metrics": {"lines": LINES}, **keys})


WRITES_ALL = """
import argparse, json, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int)
parser.add_argument("--to", type=pathlib.Path)
parser.add_argument("--checkpoint", type=pathlib.Path, default="nowhere")
options = parser.parse_args()
saved = options.checkpoint / "history.json"
history = json.loads(saved.read_text()) if saved.exists() else []
for epoch in range(len(history) + 1, options.epochs + 1):
    history.append({"epoch": epoch, "loss": float(epoch)})
    if options.checkpoint.is_dir():
        saved.write_text(json.dumps(history))
options.to.write_text(json.dumps({"history": history}))
"""


def again(trainer: Any) -> dict[int, int]:
    """By seed, the known epochs that it trained again."""
    counted: dict[int, int] = trainer.trained_again()
    return counted


def losses(rows: list[Any]) -> list[list[float]]:
    """By seed, the losses of all epochs."""
    return [list(one) for one in zip(*(row["loss"] for row in rows), strict=True)]


def test_seeds_train_side_by_side_in_processes_of_their_own(tmp_path: Path) -> None:
    """Each yields what the program tells when it is run alone."""
    with closing(trainer_of(learns(tmp_path, "--epochs", "{epochs}"), {"x": 0.25}, [3, 1])) as trainer:
        rows = list(trainer.train(4))
    assert losses(rows) == [learned(0.25, 3, 4), learned(0.25, 1, 4)]


def test_a_program_that_resumes_goes_on_from_its_own_checkpoint(tmp_path: Path) -> None:
    """No epoch is trained twice, in another process and another folder."""
    log = tmp_path / "log"
    program = learns(tmp_path, "--epochs", "{epochs}", "--checkpoint", "{checkpoint}", "--log", str(log))
    with closing(trainer_of(program, {"x": 0.25}, [1, 2])) as trainer:
        rows = list(trainer.train(2))
        state = trainer.state()
    with closing(trainer_of(program, {"x": 0.25}, [2, 1], state)) as trainer:
        more = list(trainer.train(3))
        assert again(trainer) == {1: 0, 2: 0}
    assert losses(rows) == [learned(0.25, 1, 5)[:2], learned(0.25, 2, 5)[:2]]
    assert losses(more) == [learned(0.25, 2, 5)[2:], learned(0.25, 1, 5)[2:]]
    assert len(log.read_text().splitlines()) == 10


def test_a_program_without_a_checkpoint_trains_again(tmp_path: Path) -> None:
    """What is known of it already is skipped."""
    log = tmp_path / "log"
    program = learns(tmp_path, "--epochs", "{epochs}", "--log", str(log))
    assert not program.resumes
    with closing(trainer_of(program, {"x": 0.25})) as trainer:
        list(trainer.train(2))
        state = trainer.state()
    with closing(trainer_of(program, {"x": 0.25}, [1], state)) as trainer:
        more = list(trainer.train(3))
        assert again(trainer) == {1: 2}
        assert again(trainer) == {1: 0}
    assert losses(more) == [learned(0.25, 1, 5)[2:]]
    assert len(log.read_text().splitlines()) == 7


def test_a_program_that_knows_no_epochs_is_ended_once_it_has_told_them(tmp_path: Path) -> None:
    """Its checkpoint is whole, and what it told beyond is not asked for again."""
    program = learns(tmp_path, "--checkpoint", "{checkpoint}", "--pause", "0.01")
    before = children()
    with closing(trainer_of(program, {"x": 0.25})) as trainer:
        rows = list(trainer.train(3))
        assert children() <= before
        state = trainer.state()
    with closing(trainer_of(program, {"x": 0.25}, [1], state)) as trainer:
        rows += list(trainer.train(3))
    assert losses(rows) == [learned(0.25, 1, 6)]


@pytest.mark.parametrize("pause", ["0", "0.03"])
def test_a_state_that_is_taken_in_between_goes_on_without_a_gap(tmp_path: Path, pause: str) -> None:
    """The program may be further than what was yielded, and save an epoch before it tells it."""
    program = learns(tmp_path, "--checkpoint", "{checkpoint}", "--pause", pause)
    expected, state = learned(0.25, 1, 12), None
    for done in range(12):
        with closing(trainer_of(program, {"x": 0.25}, [1], state)) as trainer:
            row = next(iter(trainer.train(12 - done)))
            assert row == {"loss": [expected[done]]}
            state = trainer.state()


def test_an_older_checkpoint_repeats_what_is_known(tmp_path: Path) -> None:
    """Rows that are known are skipped, and counted as trained again."""
    program = learns(tmp_path, "--epochs", "{epochs}", "--checkpoint", "{checkpoint}")
    with closing(trainer_of(program, {"x": 0.25})) as trainer:
        list(trainer.train(2))
        state = trainer.state()
    state[1]["epoch"] = 4
    with closing(trainer_of(program, {"x": 0.25}, [1], state)) as trainer:
        assert losses(list(trainer.train(1))) == [learned(0.25, 1, 5)[4:]]
        assert again(trainer) == {1: 2}


def test_a_file_of_all_epochs_says_nothing_of_what_was_trained_again(tmp_path: Path) -> None:
    """A program that goes on writes down what it found in its checkpoint; one that begins anew has trained it."""
    for checkpoint, counted in (["--checkpoint", "{checkpoint}"], 0), ([], 2):
        source = script(tmp_path, WRITES_ALL)
        metrics = {"file": "{run}/all.json", "history": "history[*]"}
        command = [*PYTHON, source, "--epochs", "{epochs}", "--to", "{run}/all.json", *checkpoint]
        program = section(command, metrics=metrics)
        with closing(trainer_of(program, {})) as trainer:
            list(trainer.train(2))
            state = trainer.state()
        with closing(trainer_of(program, {}, [1], state)) as trainer:
            assert losses(list(trainer.train(2))) == [[3.0, 4.0]]
            assert again(trainer) == {1: counted}


def test_a_checkpoint_ahead_of_what_is_known_is_a_mistake(tmp_path: Path) -> None:
    """The epochs between are nowhere."""
    program = learns(tmp_path, "--epochs", "{epochs}", "--checkpoint", "{checkpoint}")
    with closing(trainer_of(program, {"x": 0.25})) as trainer:
        list(trainer.train(4))
        state = trainer.state()
    state[1]["epoch"] = 2
    with (
        closing(trainer_of(program, {"x": 0.25}, [1], state)) as trainer,
        pytest.raises(TrainerMistake, match="epoch 5 was told after epoch 2: 3 to 4 are missing"),
    ):
        list(trainer.train(4))


def test_one_process_trains_all_seeds(tmp_path: Path) -> None:
    """With `{seeds}` there is one, which tells a list per metric or a row per seed."""
    text = """
import json, os, sys
seeds = [int(seed) for seed in sys.argv[1].split(",")]
with open(os.environ["LATENT_TUNE_REPORT"], "a") as file:
    for epoch in range(2):
        file.write(json.dumps({"loss": [seed + epoch for seed in seeds]}) + "\\n")
"""
    program = section([*PYTHON, script(tmp_path, text), "{seeds}"])
    with closing(trainer_of(program, {}, [4, 9])) as trainer:
        assert list(trainer.train(2)) == [{"loss": [4, 9]}, {"loss": [5, 10]}]


def test_what_is_left_of_a_run_is_its_log(tmp_path: Path) -> None:
    """Scratch goes, the output stays in the study folder."""
    with closing(trainer_of(learns(tmp_path, "--epochs", "{epochs}"), {"x": 0.25}, [1, 2], folder=tmp_path)) as trainer:
        list(trainer.train(1))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["logs", "train.py"]
    logs = sorted((tmp_path / "logs").iterdir())
    assert [path.name for path in logs] == ["trial-7-seed-1.log", "trial-7-seed-2.log"]
    assert "epoch 1: loss=1.25, done" in logs[0].read_text()


def test_nothing_is_left_when_the_driver_is_killed(tmp_path: Path) -> None:
    """The program and what it started in sessions of its own; its scratch folder goes when the next run begins."""
    forks = """
import os, subprocess, sys, time
subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"], start_new_session=True)
open(sys.argv[1] + "/there", "w")
print("epoch 1: loss=1", flush=True)
time.sleep(600)
"""
    driver = f"""
import os
from pathlib import Path
from tests.fakes.programs import *
program = section([*PYTHON, {script(tmp_path, forks)!r}, "{{run}}"], metrics={{"lines": LINES}})
for row in trainer_of(program, {{}}, folder=Path({str(tmp_path)!r})).train(2):
    print(row, flush=True)
"""
    command = [sys.executable, "-c", "import sys; sys.path.insert(0, '.')\n" + driver]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[5]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"{'loss': [1.0]}\n"
        members = psutil.Process(process.pid).children(recursive=True)
        assert len(members) == 3
        os.kill(process.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(members, timeout=30)
    assert alive == []
    assert len(list((tmp_path / ".runs").iterdir())) == 1
    with closing(trainer_of(learns(tmp_path, "--epochs", "{epochs}"), {"x": 0.25}, folder=tmp_path)) as trainer:
        list(trainer.train(1))
    assert not (tmp_path / ".runs").exists()
