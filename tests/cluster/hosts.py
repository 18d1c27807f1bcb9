"""Several hosts on one machine: Linux namespaces with addresses, processes, homes and /tmp of their own.

They hang on a switch of their own, so that this machine's network is left as it is. Every host runs an SSH server.
What a lab's file server would hold lies in `SHARED`, which all of them see; so do the packages of the environment that
runs the tests, read-only, because there is no internet: each has a `~/latent-tune/.venv` that finds them installed.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

USER = "lab"
SHARED = Path("/mnt/shared")
PROGRAMS = {"unshare": "util-linux", "nsenter": "util-linux", "ip": "iproute2", "rsync": "rsync", "ssh-keygen": "ssh"}
SSHD = "/usr/sbin/sshd"
_HOME = Path("/home") / USER
_NETWORK = "10.77.0"
_PLAIN = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TERM": "dumb"}
_INIT = """\
set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o size=50% shm /dev/shm
mount -t tmpfs run /run
mkdir /run/sshd /run/host
mount --bind "$1" /run/host
mount -t tmpfs mnt /mnt
mkdir /mnt/shared /mnt/packages
mount --bind "$2" /mnt/shared
mount --bind "$3" /mnt/packages
mount -o remount,bind,ro /mnt/packages
mount -t tmpfs home /home
mkdir /home/lab
mount --bind /run/host/home /home/lab
mount --bind /run/host/passwd /etc/passwd
mount --bind /run/host/tmp /tmp
mkdir -p /home/lab/latent-tune
hostname "$4"
ip link set lo up
exec /usr/sbin/sshd -D -e -f /run/host/sshd_config
"""
_SSHD = """\
HostKey /run/host/host_key
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
MaxStartups 100
Subsystem sftp internal-sftp
"""


def why_not() -> str | None:
    """Returns why this machine cannot be several hosts, None when it can."""
    if os.geteuid() != 0:
        return "namespaces with networks take root"
    missing = sorted({package for program, package in PROGRAMS.items() if shutil.which(program) is None})
    if not Path(SSHD).exists():
        missing.append("openssh-server")
    if missing:
        return f"not installed here: {', '.join(missing)}"
    tried = subprocess.run(
        [
            "unshare",
            "--net",
            "--mount",
            "--pid",
            "--ipc",
            "--uts",
            "--fork",
            "ip",
            "link",
            "add",
            "name",
            "bridge",
            "type",
            "bridge",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return None if tried.returncode == 0 else f"no namespaces with a bridge may be made here: {tried.stderr.strip()}"


def poll(condition: Callable[[], bool], what: Callable[[], str], deadline_s: float) -> None:
    """Waits for a condition, looking twice a second; fails with what is said when it does not come."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"waited {deadline_s:.0f} s in vain: {what()}"
        time.sleep(0.5)


@dataclass
class Host:
    """One host.

    Attributes:
        name: Its name.
        address: Its IPv4 address.
        folder: Where its home and /tmp lie, as seen from outside.
        init: Its first process, as seen from outside; with it all others end.
        switch: A process in the network namespace of the switch.
    """

    name: str
    address: str
    folder: Path
    init: int
    switch: int

    @property
    def home(self) -> Path:
        """Its user's home, as seen from outside."""
        return self.folder / "home"

    def command(self, line: str) -> list[str]:
        """Returns what runs a shell's line as its user, at the top of the checkout, in the environment of a login."""
        login = [f"HOME={_HOME}", f"USER={USER}", "SHELL=/bin/bash", *(f"{k}={v}" for k, v in _PLAIN.items())]
        within = ["nsenter", "--target", str(self.init), "--all"]
        return [*within, "env", "-i", *login, "bash", "-c", f"cd ~/latent-tune && {line}"]

    def run(self, line: str, limit_s: float = 60, *, check: bool = True) -> str:
        """Runs a line and returns all that it said."""
        said = subprocess.run(
            self.command(line),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=limit_s,
            check=False,
        )
        assert said.returncode == 0 or not check, f"{self.name}: {line}: exit code {said.returncode}\n{said.stdout}"
        return said.stdout

    def cut_off(self) -> None:
        """Takes its cable out: packets vanish, and no connection is closed."""
        _ip(self.switch, "link", "set", f"to-{self.name}", "down")

    def plug_in(self) -> None:
        """Puts its cable back."""
        _ip(self.switch, "link", "set", f"to-{self.name}", "up")

    def kill(self) -> None:
        """Ends every process of it with SIGKILL, as a power cut does; its link goes with them."""
        with suppress(ProcessLookupError):
            os.kill(self.init, 9)


@contextmanager
def hosts(folder: Path, names: Sequence[str]) -> Iterator[list[Host]]:
    """Starts hosts, and ends them and everything that ran on them.

    Args:
        folder: Where all their files lie; `folder/shared` is what they see as `SHARED`.
        names: Of the hosts.
    """
    (folder / "shared").mkdir(parents=True, exist_ok=True)
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    with ExitStack() as stack:
        switch = stack.enter_context(_namespaced(["--net"], ["sleep", "infinity"], folder / "switch.log"))
        _ip(switch, "link", "add", "bridge", "type", "bridge")
        _ip(switch, "link", "set", "bridge", "up")
        found = []
        for place, name in enumerate(names):
            place_of = folder / name
            _furnish(place_of, key)
            arguments = [str(place_of), str(folder / "shared"), sysconfig.get_path("purelib"), name]
            kinds = ["--net", "--mount", "--pid", "--ipc", "--uts"]
            init = stack.enter_context(
                _namespaced(kinds, ["sh", "-c", _INIT, "init", *arguments], folder / f"{name}.log")
            )
            address = f"{_NETWORK}.{10 + place}"
            _plug(switch, init, name, address)
            found.append(Host(name, address, place_of, init, switch))
        for host in found:
            poll(
                lambda host=host: "listening" in (folder / f"{host.name}.log").read_text(),  # type: ignore[misc]
                lambda host=host: (folder / f"{host.name}.log").read_text(),  # type: ignore[misc]
                20,
            )
        yield found


@contextmanager
def _namespaced(kinds: Sequence[str], command: Sequence[str], log: Path) -> Iterator[int]:
    """Runs a command in namespaces of its own; yields its process, as seen from here."""
    with log.open("wb") as out:
        outer = subprocess.Popen(
            ["unshare", *kinds, "--fork", "--kill-child", "--", *command],
            env=_PLAIN,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
    try:
        poll(lambda: outer.poll() is not None or bool(children.read_text()), log.read_text, 10)
        assert outer.poll() is None, log.read_text()
        yield int(children.read_text().split()[0])
    finally:
        outer.kill()
        outer.wait()


def _plug(switch: int, init: int, name: str, address: str) -> None:
    """Lays a cable between the switch and a host, and gives the host its address."""
    _ip(switch, "link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", str(init))
    _ip(switch, "link", "set", f"to-{name}", "master", "bridge", "up")
    _ip(init, "address", "add", f"{address}/24", "dev", "eth0")
    _ip(init, "link", "set", "eth0", "up")


def _ip(process: int, *arguments: str) -> None:
    """Runs `ip` in the network namespace of a process."""
    subprocess.run(["nsenter", "--target", str(process), "--net", "ip", *arguments], check=True)


def _furnish(folder: Path, key: Path) -> None:
    """Writes what a host starts with: its SSH server's settings, and a home that the key opens, with an environment."""
    home, environment = folder / "home", folder / "home" / "latent-tune" / ".venv"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    (folder / "tmp").mkdir()
    (folder / "tmp").chmod(0o1777)
    (folder / "sshd_config").write_text(_SSHD)
    others = Path("/etc/passwd").read_text()
    # The same user under another name: its home is elsewhere, and where Python may lie, below /root, stays in sight.
    (folder / "passwd").write_text(f"{USER}:x:0:0::{_HOME}:/bin/bash\n{others}")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "host_key")], check=True)
    shutil.copy(key, home / ".ssh" / "id_ed25519")
    shutil.copy(f"{key}.pub", home / ".ssh" / "authorized_keys")
    subprocess.run([Path(sys.base_prefix) / "bin" / "python3", "-m", "venv", "--without-pip", environment], check=True)
    activate = environment / "bin" / "activate"
    activate.write_text(activate.read_text().replace(str(home), str(_HOME)))
    (packages,) = environment.glob("lib/python3*/site-packages")
    (packages / "shared.pth").write_text("/mnt/packages\n")
    for name, module in {"ray": "ray.scripts.scripts", "pip": "pip._internal.cli.main"}.items():
        script = environment / "bin" / name
        script.write_text(
            f"#!{_HOME}/latent-tune/.venv/bin/python\nimport sys\nfrom {module} import main\nsys.exit(main())\n"
        )
        script.chmod(0o755)
    (home / ".config" / "pip").mkdir(parents=True)
    (home / ".config" / "pip" / "pip.conf").write_text("[global]\nno-index = true\n")
