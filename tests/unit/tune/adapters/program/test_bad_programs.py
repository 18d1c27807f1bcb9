"""Programs that are not what they should be: one clear message each, and nothing is left running."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from errno import ENOSPC
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.fakes.programs import LINES, PYTHON, children, script, section, trainer_of
from tune.adapters.program.output import Output
from tune.adapters.program.process import Process
from tune.errors import ProgramFailed, ProgramOutOfMemory, TrainerMistake, UserMistake


@pytest.fixture(autouse=True)
def _nothing_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    before = children()
    yield
    assert children() <= before


def said_of(text: str, folder: Path, epochs: int = 2, **keys: Any) -> BaseException:
    """What a program dies of that is to train so many epochs."""
    program = section([*PYTHON, script(folder, text), "{run}", "{epochs}"], **{"metrics": {"lines": LINES}, **keys})
    with closing(trainer_of(program, {}, [1], folder=folder)) as trainer, pytest.raises(BaseException) as caught:  # noqa: PT011
        list(trainer.train(epochs))
    return caught.value


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    """It is said before anything trains, and what to write for a file beside the study."""
    with pytest.raises(UserMistake, match="no program 'trian' is on PATH"):
        trainer_of(section("trian --lr 1"), {})
    script(tmp_path, "", "train.sh")
    with pytest.raises(UserMistake, match=r"beside the study write \./train.sh"):
        trainer_of(section("train.sh"), {})
    with pytest.raises(UserMistake, match=r"\./gone.sh is not there, seen from"):
        trainer_of(section("./gone.sh"), {})


def test_a_program_that_is_not_executable(tmp_path: Path) -> None:
    """It is said what to do."""
    script(tmp_path, "#!/bin/sh\n", "train.sh")
    with pytest.raises(UserMistake, match=r"\./train.sh is not executable; chmod \+x it"):
        trainer_of(section("./train.sh"), {})


def test_a_program_whose_interpreter_is_not_there(tmp_path: Path) -> None:
    """The system's own words come out of the log."""
    Path(script(tmp_path, "#!/no/such/interpreter\n", "train.sh")).chmod(0o755)
    with closing(trainer_of(section("./train.sh"), {})) as trainer, pytest.raises(ProgramFailed, match="exit code 127"):
        list(trainer.train(1))


def test_a_script_that_is_not_there(tmp_path: Path) -> None:
    """Python's words are the cause."""
    with (
        closing(trainer_of(section([*PYTHON, "gone.py"]), {})) as trainer,
        pytest.raises(ProgramFailed, match=r"^exit code 2: .*can't open file '.*gone.py'"),
    ):
        list(trainer.train(1))


def test_a_program_that_dies_at_import_says_its_last_line_first(tmp_path: Path) -> None:
    """Exit code and exception are the cause, the same for all seeds; seed, log and traceback follow."""
    said = str(said_of("import nothing_like_it", tmp_path))
    first, second, *rest = said.splitlines()
    assert first == "exit code 1: ModuleNotFoundError: No module named 'nothing_like_it'"
    assert second == f"seed 1; the end of its output, all of it in {tmp_path / 'logs' / 'trial-7-seed-1.log'}:"
    assert "Traceback (most recent call last):" in rest


def test_a_program_that_is_killed_says_by_what(tmp_path: Path) -> None:
    """The signal has its name."""
    said = said_of("import os; print('here', flush=True); os.kill(os.getpid(), 11)", tmp_path)
    assert str(said).startswith("exit code 139 (SIGSEGV): here")


def test_a_program_without_memory_is_one(tmp_path: Path) -> None:
    """Such a death has rules of its own."""
    assert isinstance(said_of("raise MemoryError", tmp_path), ProgramOutOfMemory)


def test_a_program_that_tells_nothing(tmp_path: Path) -> None:
    """It is said where was looked, and what there was."""
    said = said_of("print('Loss is 0.3')", tmp_path)
    assert isinstance(said, TrainerMistake)
    assert "told no metric: nothing was found in lines of its output that match" in str(said)
    assert "its output ends with 'Loss is 0.3'" in str(said)


def test_a_program_that_tells_too_few_epochs(tmp_path: Path) -> None:
    """It may have stopped early."""
    said = said_of("print('epoch 1: loss=1')", tmp_path, epochs=3)
    assert "ended after epoch 1 of 3; it must train up to the epoch that {epochs} says" in str(said)


def test_a_program_that_tells_too_many_epochs(tmp_path: Path) -> None:
    """It does not obey what it is told."""
    said = said_of("for epoch in range(1, 9): print(f'epoch {epoch}: loss=1')", tmp_path)
    assert "was to train up to epoch 2, and told epoch" in str(said)


def test_a_program_that_leaves_epochs_out(tmp_path: Path) -> None:
    """A gap is never filled."""
    said = said_of("for epoch in (1, 5): print(f'epoch {epoch}: loss=1')", tmp_path, epochs=5)
    assert "epoch 5 was told after epoch 1: 2 to 4 are missing" in str(said)


def test_a_program_that_begins_with_another_number(tmp_path: Path) -> None:
    """It is said how to say so, and saying so helps."""
    text = "for epoch in (10, 11): print(f'epoch {epoch}: loss=1')"
    assert "the first epoch that was told is 10" in str(said_of(text, tmp_path))
    program = section([*PYTHON, script(tmp_path, text)], metrics={"lines": LINES, "first_epoch": 10})
    with closing(trainer_of(program, {})) as trainer:
        assert list(trainer.train(2)) == [{"loss": [1.0]}, {"loss": [1.0]}]


def test_a_value_that_is_no_number_is_one_that_diverged_or_a_mistake(tmp_path: Path) -> None:
    """NaN is a result; words are none."""
    text = "print('epoch 1: loss=nan'); print('epoch 2: loss=-inf,')"
    program = section([*PYTHON, script(tmp_path, text)], metrics={"lines": LINES})
    with closing(trainer_of(program, {})) as trainer:
        assert [str(row) for row in trainer.train(2)] == ["{'loss': [nan]}", "{'loss': [-inf]}"]
    said = said_of("print('epoch 1: loss=bad')", tmp_path, metrics={"lines": LINES, "names": {"loss": "loss"}})
    assert "metric 'loss' (loss): must be a number, got 'bad'" in str(said)


def test_a_hundred_megabytes_of_output_fill_nothing(tmp_path: Path) -> None:
    """The log keeps the beginning and the end; the metrics between are heard."""
    text = """
import sys
print("the beginning", flush=True)
line = "x" * 999_999 + "\\n"
for epoch in (1, 2):
    for _ in range(50):
        sys.stdout.write(line)
    print(f"epoch {epoch}: loss={epoch}", flush=True)
print("the end")
"""
    program = section([*PYTHON, script(tmp_path, text)], metrics={"lines": LINES})
    before = psutil.Process().memory_info().rss
    with closing(trainer_of(program, {}, folder=tmp_path)) as trainer:
        assert list(trainer.train(2)) == [{"loss": [1.0]}, {"loss": [2.0]}]
    assert psutil.Process().memory_info().rss - before < 50_000_000
    content = (tmp_path / "logs" / "trial-7-seed-1.log").read_bytes()
    assert len(content) < 3_000_000
    assert b"the beginning" in content
    assert content.endswith(b"epoch 2: loss=2\nthe end\n")
    assert b"bytes left out" in content


def test_a_program_that_asks_for_input_gets_none(tmp_path: Path) -> None:
    """Its question is in the log, and it dies of the end of the file."""
    said = str(said_of("input('Really? ')", tmp_path))
    assert said.startswith("exit code 1: EOFError")
    assert "Really?" in said


def test_a_program_that_ignores_sigterm_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the grace, with what it started."""
    monkeypatch.setattr("tune.adapters.program.process.GRACE_S", 0.2)
    text = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("epoch 1: loss=1", flush=True)
time.sleep(600)
"""
    program = section([*PYTHON, script(tmp_path, text)], metrics={"lines": LINES})
    began = time.monotonic()
    with closing(trainer_of(program, {})) as trainer:
        assert list(trainer.train(1)) == [{"loss": [1.0]}]
    assert time.monotonic() - began < 10


def test_a_program_that_forks_leaves_nothing_behind(tmp_path: Path) -> None:
    """Children in sessions of their own end with it, though it ended by itself."""
    text = """
import subprocess, sys
subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"], start_new_session=True)
print("epoch 1: loss=1")
"""
    program = section([*PYTHON, script(tmp_path, text)], metrics={"lines": LINES})
    before = children()
    with closing(trainer_of(program, {})) as trainer:
        assert list(trainer.train(1)) == [{"loss": [1.0]}]
        assert children() <= before


def test_a_metric_file_of_an_earlier_run_is_not_read(tmp_path: Path) -> None:
    """It is named, though the program adds to it."""
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 1, "loss": 3}\n')
    said = said_of(
        "open('metrics.jsonl', 'a').write('{\"epoch\": 1, \"loss\": 4}')",
        tmp_path,
        epochs=1,
        metrics={"jsonl": "./metrics.jsonl"},
    )
    assert "metrics.jsonl was before this run began and is not read; move it away" in str(said)


def test_an_output_that_cannot_be_kept_is_said_where_the_end_is_asked_for() -> None:
    """A full disk comes out as it is, and is no death of the program's."""

    def hear(_: str) -> None:
        raise OSError(ENOSPC, "No space left on device")

    woken = threading.Event()
    process = Process([sys.executable, "-c", "print(1)"], {}, Output(None, "", hear), woken)
    while process.alive:
        woken.wait(0.1)
    with pytest.raises(OSError, match="No space left"):
        _ = process.exit_code
    process.kill()
