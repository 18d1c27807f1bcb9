"""A Slurm of one's own: a real controller and real node daemons, private to a folder, all on this machine."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol")
_PATH = f"{os.environ['PATH']}:/usr/sbin"
_ANSWER_S = 60.0

_CONFIGURATION = """
ClusterName=latent
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdParameters=config_overrides
CommunicationParameters=NoAddrCache
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
JobCompType=jobcomp/none
MailProg=/bin/true
ReturnToService=2
KillWait=15
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str | None:
    """Returns why Slurm cannot run here, None when it can."""
    if os.getuid() != 0:
        return "Slurm's daemons want to be root"
    lacking = [name for name in PROGRAMS if shutil.which(name, path=_PATH) is None]
    if lacking:
        return f"no {', '.join(lacking)} here (Debian: apt-get install slurmctld slurmd slurm-client munge)"
    return None


class Slurm:
    """One controller and some nodes, started when it is entered and stopped with all their jobs when it is left.

    Args:
        folder: Empty, and everybody may enter it; its path is short, because sockets lie in it.
        nodes: Names of the nodes; all are this machine.
        cpus: That each node says it has.
    """

    def __init__(self, folder: Path, nodes: Sequence[str] = ("node1", "node2"), cpus: int = 2) -> None:
        self._folder, self._nodes = folder, nodes
        self._daemons: list[subprocess.Popen[bytes]] = []
        ports = _free_ports(1 + len(nodes))
        host = socket.gethostname().partition(".")[0]
        lines = [
            f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} RealMemory=1000"
            for name, port in zip(nodes, ports[1:], strict=True)
        ]
        text = _CONFIGURATION.format(host=host, ports=ports, folder=folder, nodes="\n".join(lines))
        (folder / "slurm.conf").write_text(text)
        (folder / "cgroup.conf").write_text("CgroupAutomount=no\n")
        key = folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        if len(self._daemons) > 1:
            subprocess.run(
                ["scancel", "--user=root", "--full"],
                env=self._environment(),
                capture_output=True,
                check=False,
                timeout=30,
            )
            self.poll(lambda: not self.said("squeue", "--noheader").strip(), "the jobs to end")
        for daemon in reversed(self._daemons):
            daemon.terminate()
            daemon.wait(_ANSWER_S)
        self._daemons.clear()

    def said(self, program: str, *arguments: str, cwd: Path | None = None, **extra: str) -> str:
        """Runs one of Slurm's programs and returns what it printed."""
        done = subprocess.run(
            [program, *arguments],
            cwd=cwd,
            env={**self._environment(), **extra},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_ANSWER_S,
        )
        assert done.returncode == 0, f"{program} {arguments}: {done.stderr}"
        return done.stdout

    def submit(self, *arguments: str, cwd: Path, **extra: str) -> str:
        """Submits a job with `sbatch` and returns its number."""
        return self.said("sbatch", "--parsable", *arguments, cwd=cwd, **extra).strip()

    def job(self, number: str) -> dict[str, str]:
        """What the controller says of a job: `JobState`, `ExitCode`, `Restarts` and many more."""
        words = self.said("scontrol", "show", "job", "--oneliner", number).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def poll(self, condition: Callable[[], bool], what: str, deadline_s: float = _ANSWER_S) -> None:
        """Waits for a condition; fails when it does not come."""
        end = time.monotonic() + deadline_s
        while not condition():
            assert time.monotonic() < end, f"waited {deadline_s:.0f} s in vain for {what}:\n{self.log()}"
            time.sleep(0.25)

    def log(self) -> str:
        """The last that its daemons said."""
        return "\n".join(f"{path.name}: {path.read_text()[-2000:]}" for path in sorted(self._folder.glob("*.log")))

    def _start(self) -> None:
        place = self._folder
        self._daemon(
            "munged", "--foreground", "--force", f"--socket={place}/munge.socket", f"--key-file={place}/munge.key",
            f"--pid-file={place}/munged.pid", f"--log-file={place}/munged.log", f"--seed-file={place}/munged.seed",
        )  # fmt: skip
        self.poll((place / "munge.socket").exists, "munge's socket")
        self._daemon("slurmctld", "-D", "-i")
        for name in self._nodes:
            (place / f"spool-{name}").mkdir()
            self._daemon("slurmd", "-D", "-N", name)
        self.poll(lambda: self._idle() == len(self._nodes), "the nodes to be idle")

    def _idle(self) -> int:
        found = subprocess.run(
            ["sinfo", "--noheader", "--Node", "--format=%T"],
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=_ANSWER_S,
        )
        return found.stdout.split().count("idle")

    def _daemon(self, *command: str) -> None:
        with (self._folder / f"{command[0]}-{len(self._daemons)}.log").open("w") as log:
            self._daemons.append(
                subprocess.Popen(
                    command,
                    cwd=self._folder,
                    env=self._environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "TUNE_"))}
        return {**inherited, **self.environment, "PATH": _PATH}


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]
