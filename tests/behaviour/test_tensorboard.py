"""`latent-tune tensorboard`, and a TensorBoard that is open while its study goes on: real servers, real folders."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.behaviour.command import ROOT, here
from tests.fakes.clock import Clock
from tests.fakes.ledgers import Player, latent_study, played
from tune.ledger.ledger import Ledger
from tune.views.tensorboard.writer import TensorBoard

DEADLINE_S = 90.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished study, without `tensorboard/`."""
    return played(tmp_path_factory.mktemp("shown") / "batch-norm").folder


def test_an_open_tensorboard_follows_a_study_that_is_resumed(tmp_path: Path) -> None:
    """What the second process adds is shown by a server that was open before: each step once, bands of all seeds."""
    clock, study = Clock(), latent_study()
    ledger = _work(study, tmp_path / "s", clock, units=6)
    with _opened(ledger.folder) as (address, _):
        _await_steps(address, "trial-0004/seed-1", "loss/validation", [1, 2])
        ledger = _work(study, ledger.folder, clock)
        assert ledger.trials[4].confirmed
        for run, tag in (
            ("trial-0004/seed-1", "loss/validation"),
            ("trial-0004/seed-12345", "loss/validation"),
            ("trial-0004", "seeds/validation_mean"),
        ):
            _await_steps(address, run, tag, list(range(1, 9)))
        _await_steps(address, "trial-0004/seed-1", "trial/score", [2, 4, 8])
        counted = _get(f"{address}/data/plugin/scalars/scalars", run="trial-0004", tag="seeds/validation_counted")
        assert {value for _, _, value in counted} == {5}


def test_it_says_its_pages_and_stops_with_ctrl_c(folder: Path) -> None:
    """The files are made, the addresses of five pages printed, nothing listens beyond loopback; exit code 0."""
    with _opened(folder) as (address, server):
        assert "trial-0017/seed-12" in _get(f"{address}/data/runs")
        process = psutil.Process(server.pid)
        everyone = [process, *process.children(recursive=True)]
        listening = [one.laddr.ip for each in everyone for one in each.net_connections() if one.status == "LISTEN"]
        assert listening
        assert {ip.removeprefix("::ffff:") for ip in listening} <= {"127.0.0.1", "::1"}
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=DEADLINE_S) == 0
        _, left = psutil.wait_procs(everyone[1:], timeout=DEADLINE_S)
        assert left == []
        said = (folder / "server.log").read_text()
        assert "Traceback" not in said
        assert len(re.findall(r"http://127\.0\.0\.1:\d+/#", said)) == 5


def test_a_killed_one_leaves_no_server_behind(folder: Path) -> None:
    """What reads the files for it ends with it, even where it could not say so."""
    with _opened(folder) as (_, server):
        children = psutil.Process(server.pid).children(recursive=True)
        server.kill()
        _, left = psutil.wait_procs(children, timeout=DEADLINE_S)
        assert left == []


def test_a_port_that_is_taken_is_named(folder: Path) -> None:
    """Exit code 2 and what to do, before an address is printed."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = here("tensorboard", folder, "--port", str(port))
    assert said.code == 2
    assert f"--port: {port} is in use on 127.0.0.1; give another, or 0 for one that is free" in said.err
    assert "http" not in said.out


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_no_port(folder: Path, port: str) -> None:
    """A number that is no port is refused with those that are."""
    said = here("tensorboard", folder, f"--port={port}")
    assert said.code == 2
    assert f"--port: {port} is no port; give a number from 1 to 65535, or 0 for one that is free" in said.err


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    """Where nothing can be written and nothing is there, it says so; exit code 2."""
    ledger = played(tmp_path / "s", latent_study(search={"method": "random", "trials": 1}))
    (ledger.folder / "tensorboard").write_text("")
    said = here("tensorboard", ledger.folder, "--port", "0")
    assert said.code == 2
    assert "tensorboard: cannot be written: Not a directory" in said.err


def test_a_study_that_another_process_works_on_is_only_shown(tmp_path: Path) -> None:
    """The process that works on it writes the files; what it adds while the server is open is shown."""
    clock = Clock(time.time())
    ledger = Ledger.open(latent_study(), tmp_path / "s", clock=clock)
    board, player = TensorBoard(ledger), Player(ledger, clock)
    player.play(units=1, after_each=board.refresh)
    files = {path: path.stat().st_mtime_ns for path in (ledger.folder / "tensorboard").rglob("*tfevents*")}
    with _opened(ledger.folder) as (address, _):
        _await_steps(address, "trial-0000/seed-1", "loss/validation", [1, 2])
        assert {path: path.stat().st_mtime_ns for path in files} == files
        player.play(units=1, after_each=board.refresh)
        _await_steps(address, "trial-0001/seed-1", "loss/validation", [1, 2])
    ledger.close("interrupted")


def _work(study: Any, folder: Path, clock: Clock, units: float = float("inf")) -> Ledger:
    """Works on a study like one process."""
    ledger = Ledger.open(study, folder, clock=clock)
    board, player = TensorBoard(ledger), Player(ledger, clock)
    player.play(units=units, after_each=board.refresh)
    board.close()
    ledger.close("interrupted")
    return ledger


@contextmanager
def _opened(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`latent-tune tensorboard` on a free port, and its address."""
    log = folder / "server.log"
    command = [sys.executable, "-m", "tune.cli", "tensorboard", str(folder), "--port", "0"]
    with log.open("wb") as said:
        server = subprocess.Popen(
            command, stdout=said, stderr=said, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
    try:
        end = time.monotonic() + DEADLINE_S
        while "Ctrl-C stops it" not in log.read_text():
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < end, "TensorBoard did not say its address"
            time.sleep(0.1)
        found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
        assert found is not None
        yield found[0], server
    finally:
        server.kill()
        server.wait(timeout=30)


def _await_steps(address: str, run: str, tag: str, steps: list[int]) -> None:
    """Waits until a server shows just these steps; it looks at the files every five seconds."""
    end, shown = time.monotonic() + DEADLINE_S, None
    while shown != steps:
        assert time.monotonic() < end, f"{run} {tag}: {shown} is shown, not {steps}"
        try:
            shown = [step for _, step, _ in _get(f"{address}/data/plugin/scalars/scalars", run=run, tag=tag)]
        except urllib.error.HTTPError:  # not read yet
            shown = None
        time.sleep(0.2)


def _get(url: str, **query: str) -> Any:
    with urllib.request.urlopen(f"{url}?{urllib.parse.urlencode(query)}", timeout=30) as answer:  # noqa: S310 - loopback
        return json.loads(answer.read())
