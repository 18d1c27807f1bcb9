"""A stand-in for LSF: it starts a job as LSF does, and signals every process of it, as LSF does. No daemon of LSF runs.

What it knows of LSF is from IBM's documentation: the variables LSB_JOBID, LSB_MCPU_HOSTS and LSB_EXIT_REQUEUE;
`blaunch HOST COMMAND` for the other hosts; `-wa USR2` before the time limit; `-Q 75`, which queues a job
again that exits with 75; `bkill`, which sends SIGINT and then SIGTERM.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from tests.fakes.batch import SCRIPT, program_path

_BLAUNCH = """#!/bin/bash
# blaunch HOST COMMAND...: runs it here, under that host's name.
export FAKE_HOST=$1
shift
exec "$@"
"""
_LIMIT_S = 240.0


class Lsf:
    """One job on some hosts, all of which are this machine; leaving it kills what is left.

    Args:
        cwd: From where the job was submitted.
        arguments: Of the job's script.
        hosts: Their names; two slots on each.
        requeue: Exit codes given to `bsub -Q`.
        extra: Added to its environment.
    """

    def __init__(
        self, cwd: Path, *arguments: str, hosts: tuple[str, ...] = ("host1", "host2"), requeue: str = "75", **extra: str
    ) -> None:
        self._cwd, self._arguments = cwd, arguments
        programs = cwd / "lsf"
        programs.mkdir()
        (programs / "blaunch").write_text(_BLAUNCH)
        (programs / "blaunch").chmod(0o755)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "TUNE_"))}
        self._environment = {
            **inherited,
            "PATH": f"{programs}:{program_path()}",
            "LSB_JOBID": "4711",
            "LSB_MCPU_HOSTS": " ".join(f"{host} 2" for host in hosts),
            "LSB_EXIT_REQUEUE": requeue,
            "FAKE_HOST": hosts[0],
            **extra,
        }
        self.runs = 0
        self._log = cwd / "lsf.log"
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)

    def warn(self) -> None:
        """Its time is nearly up: `-wa USR2`."""
        os.killpg(self._process.pid, signal.SIGUSR2)

    def bkill(self) -> None:
        """The user ends it."""
        for number in (signal.SIGINT, signal.SIGTERM):
            os.killpg(self._process.pid, number)
            time.sleep(1)

    def ended(self) -> int:
        """Waits for the end of this run; returns its exit code, after starting the next run where LSF would."""
        code = self._process.wait(_LIMIT_S)
        if str(code) in self._environment["LSB_EXIT_REQUEUE"].split():
            self._start()
        return code

    def poll(self, condition: Callable[[], bool], what: str) -> None:
        """Waits for a condition while the job runs."""
        end = time.monotonic() + _LIMIT_S
        while not condition():
            assert self._process.poll() is None, f"it ended before {what}:\n{self.said()}"
            assert time.monotonic() < end, f"waited in vain for {what}:\n{self.said()}"
            time.sleep(0.05)

    def said(self) -> str:
        """What it has printed so far, in all of its runs."""
        return self._log.read_text()

    def _start(self) -> None:
        self.runs += 1
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [SCRIPT / "lsf.sh", *self._arguments],
                cwd=self._cwd,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
