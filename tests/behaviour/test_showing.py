"""`run` and `resume` for programs: only the answer, or events."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.behaviour.command import ROOT, Running, here, latent_tune, ledger_of, status, text_of, write_study
from tune.report.results import gather
from tune.report.sentences import answer

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


def test_a_reader_that_leaves_ends_no_study(tmp_path: Path) -> None:
    """As `head -1` does: the study is finished all the same, and its log says once that nobody reads."""
    write_study(tmp_path, fixed={"sleep_s": 0.05})
    process = subprocess.Popen(
        [sys.executable, "-m", "tune.cli", *INLINE, "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert events(process.stdout.readline())
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr is not None
    assert not process.stderr.read()
    process.stderr.close()
    folder = tmp_path / "results" / "tiny"
    assert status(folder)["state"] == "finished"
    assert (folder / "latent-tune.log").read_text().count("nobody reads the events any more") == 1
