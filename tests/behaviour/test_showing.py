"""What `run` and `resume` show: in a terminal the live view, for programs only the answer, or events."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.behaviour.command import (
    DEADLINE_S,
    ROOT,
    Running,
    here,
    latent_tune,
    ledger_of,
    status,
    text_of,
    write_study,
)
from tune.views.results import gather
from tune.views.sentences import answer

DOCS = ROOT / "docs" / "terminal.md"
NOISY = """\
import os
from tests.fakes.trainers import Quadratic

class Noisy(Quadratic):
    def train(self, epochs):
        print("the trainer prints")
        os.write(1, b"so does a library\\n")
        yield from super().train(epochs)
"""
INLINE = ("run", "study.yaml", "--driver", "inline")


def events(text: str) -> list[dict[str, Any]]:
    """Every line, which must be one JSON object with a kind and a time."""
    found = [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()]
    assert all(isinstance(one["event"], str) and one["time"] > 0 for one in found)
    return found


def test_quiet_prints_the_answer_and_nothing_else(tmp_path: Path) -> None:
    """Standard output is the answer of the results, whatever the trainer prints; standard error has that."""
    (tmp_path / "noisy.py").write_text(NOISY)
    write_study(tmp_path, trainer="noisy:Noisy")
    said = latent_tune(tmp_path, *INLINE, "--quiet")
    assert said.code == 0
    assert said.out.splitlines() == answer(gather(ledger_of(tmp_path / "results" / "tiny")))
    assert set(said.err.split("\n")) == {"the trainer prints", "so does a library", ""}
    assert here("resume", "results/tiny", "--quiet", cwd=tmp_path).out == said.out


def test_json_is_events_and_nothing_else(tmp_path: Path) -> None:
    """One JSON object per line: every decision about a trial as the ledger has it, and in the end the status."""
    (tmp_path / "noisy.py").write_text(NOISY)
    write_study(tmp_path, trainer="noisy:Noisy")
    said = latent_tune(tmp_path, *INLINE, "--json")
    assert said.code == 0
    told = events(said.out)
    folder = tmp_path / "results" / "tiny"
    kinds = [one["event"] for one in told if one["event"] not in ("message", "progress")]
    decided = [one for one in ledger_of(folder).decisions if one.trial is not None]
    assert kinds == ["begin", *(one.kind for one in decided), "result"]
    about = [(one["trial"], one["rung"], one["reason"], one["detail"]) for one in told if "trial" in one]
    assert about == [(one.trial, one.rung, one.reason, dict(one.detail)) for one in decided]
    assert told[-1]["status"] | {"folder": ""} == status(folder) | {"folder": ""}
    assert told[-1]["answer"] == answer(gather(ledger_of(folder)))
    last = [one for one in told if one["event"] == "progress"][-1]
    best = told[-1]["status"]["incumbent"]
    assert last["best"] == {name: best[name] for name in ("number", "score", "confirmed")}
    assert last["trials"] == told[-1]["status"]["trials"]
    assert (last["seed_epochs_left"], last["training"]) == (0, [])
    assert "the trainer prints" in said.err


def test_docs_and_events_agree(tmp_path: Path) -> None:
    """docs/terminal.md lists exactly the keys of each event, in their order."""
    write_study(tmp_path)
    told = {one["event"]: list(one) for one in events(here(*INLINE, "--json", cwd=tmp_path).out)}
    section = DOCS.read_text().split("## Events")[1].split("\n| decision |")[0]
    documented = {
        name: re.findall(r"`(\w+)`", keys)
        for name, keys in re.findall(r"^\| `(\w+)` \| (.+?) \|", section, re.MULTILINE)
    }
    decision = documented.pop("promote")
    for kind in ("start", "reach", "promote", "stop"):
        assert ["event", "time", *decision] == told.pop(kind)
    assert {name: ["event", "time", *keys] for name, keys in documented.items()} == told


def test_events_of_a_study_that_is_interrupted_and_resumed(tmp_path: Path) -> None:
    """Without a result there is no event that says one, the way to go on is on standard error, and resume goes on."""
    write_study(tmp_path, fixed={"sleep_s": 0.2})
    with Running(tmp_path, *INLINE, "--json") as first:
        first.until(lambda: '"reach"' in text_of(first.out), "a result")
        first.signal(signal.SIGINT)
        assert first.wait() == 130
    told = events(text_of(first.out))
    assert told[-1]["event"] == "progress"
    assert text_of(first.err).rstrip().endswith("continue with: latent-tune resume results/tiny")
    begun, *_, end = (
        one for one in events(here("resume", "results/tiny", "--json", cwd=tmp_path).out) if one["event"] != "message"
    )
    assert (begun["event"], end["event"]) == ("begin", "result")
    assert begun["trials"] == told[-1]["trials"]["paused"] + told[-1]["trials"]["waiting"]
    assert begun["seed_epochs_spent"] == told[-1]["seed_epochs_spent"]


@pytest.mark.parametrize("manner", [["--json"], []], ids=["events", "lines"])
def test_a_reader_that_leaves_ends_no_study(tmp_path: Path, manner: list[str]) -> None:
    """As `head -1` does: the study is finished all the same, and of events its log says once that nobody reads them."""
    write_study(tmp_path, fixed={"sleep_s": 0.05})
    process = subprocess.Popen(
        [sys.executable, "-m", "tune.cli", *INLINE, *manner],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "study tiny in results/tiny" in process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr is not None
    assert not process.stderr.read()
    process.stderr.close()
    folder = tmp_path / "results" / "tiny"
    assert status(folder)["state"] == "finished"
    assert (folder / "latent-tune.log").read_text().count("nobody reads the events any more") == len(manner)


class Terminal:
    """A command in a terminal of its own, and everything that is written there.

    Args:
        cwd: Where it runs.
        size: Columns and rows.
        extra: Added to its environment.
        arguments: Of `latent-tune`.
    """

    def __init__(self, cwd: Path, size: tuple[int, int], *arguments: str, **extra: str) -> None:
        self._ours, theirs = pty.openpty()
        self.shown = ""
        self.resize(*size)
        kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tune.cli", *arguments],
            cwd=cwd,
            env={**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "LANG": "C.UTF-8", **extra},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def resize(self, columns: int, rows: int) -> None:
        """Gives the terminal another size."""
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, text: str) -> str:
        """Reads until something is shown that was not there before; returns all that came meanwhile."""
        came = ""
        while text not in came:
            came += self._read()
        return came

    def signal(self, number: int) -> None:
        """Sends a signal, as Ctrl-C does."""
        self._process.send_signal(number)

    def end(self) -> int:
        """Reads to the end; returns the exit code."""
        with suppress(OSError):  # a terminal without a process answers so
            while True:
                self._read()
        os.close(self._ours)
        return self._process.wait(DEADLINE_S)

    def _read(self) -> str:
        assert select.select([self._ours], [], [], DEADLINE_S)[0], f"nothing more came:\n{self.shown[-2000:]}"
        came = os.read(self._ours, 65536).decode(errors="replace")
        self.shown += came
        return came


def lines_of(shown: str) -> list[str]:
    """What was written, without control characters, line by line."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).replace("\r", "\n").split("\n")


def test_the_live_view_in_a_terminal_that_is_resized(tmp_path: Path) -> None:
    """It fits 80 columns, then 50, for which it begins on an empty screen; with NO_COLOR nothing has a colour."""
    write_study(tmp_path, fixed={"sleep_s": 0.3})
    terminal = Terminal(tmp_path, (80, 24), *INLINE, NO_COLOR="1")
    before = terminal.until("trial  rung")
    terminal.resize(50, 12)
    terminal.until("\x1b[2J")
    after = terminal.until("trials")
    terminal.signal(signal.SIGINT)
    assert terminal.end() == 130
    assert max(map(len, lines_of(before))) <= 80
    assert max(map(len, lines_of(after))) <= 50
    assert not re.search(r"\x1b\[(?:[0-9;]*;)?(?:3[0-9]|4[0-9]|9[0-7])[0-9;]*m", terminal.shown)
    assert "stopping: saving what trains" in terminal.shown
    assert "latent-tune resume results/tiny" in terminal.shown


def test_a_dumb_terminal_gets_lines(tmp_path: Path) -> None:
    """No control character, a line for each decision, and the results."""
    write_study(tmp_path)
    terminal = Terminal(tmp_path, (100, 24), *INLINE, TERM="dumb")
    assert terminal.end() == 0
    assert "\x1b" not in terminal.shown
    assert "trial 0 started: x 0." in terminal.shown
    assert "train the winner again: " in terminal.shown
