"""The connection to a Ray cluster, or a Ray of our own for as long as one study runs."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, chdir, contextmanager
from pathlib import Path
from typing import Any

import ray

from tune.drivers.ray.environment import runtime_env
from tune.drivers.ray.nodes import Nodes
from tune.drivers.ray.own_processes import groups_of_their_own, killed_after
from tune.drivers.ray.session_folder import session_folder
from tune.errors import UserMistake
from tune.study.node import accelerators
from tune.study.study import Study
from tune.study.trained_by import modules_of

_ANSWER_S = 5.0
END_S = 30.0
"""How long Ray may take to end, before it is killed."""

_CLIENT = "ray://"
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - where Ray puts its object store


@contextmanager
def cluster(study: Study, address: str | None = None) -> Iterator[Nodes]:
    """Connects to Ray, or starts it here for as long as this is entered; entered within itself it is the same Ray.

    Args:
        study: Says what one trial occupies.
        address: Of a running Ray cluster; None starts Ray on this machine.

    Yields:
        Its nodes.

    Raises:
        UserMistake: If the cluster cannot be reached, or no node of it has room for one trial.
    """
    with ExitStack() as at_the_end:
        if not ray.is_initialized():
            sessions = at_the_end.enter_context(session_folder()) if address is None else None
            _connect(address, modules_of(study), sessions)
            at_the_end.callback(_shut_down)
        nodes = Nodes(study.resources, accelerators=accelerators(study))
        nodes.refuse_none()
        yield nodes


def _shut_down() -> None:
    with killed_after(END_S):
        ray.shutdown()


def watch_head() -> Callable[[], bool]:
    """Returns what says whether the head of the cluster that is connected may still be there, or come back.

    It is gone where its machine answers that nobody listens; a machine that does not answer may be cut off for a while.
    """
    host, port = _host_and_port(ray.get_runtime_context().gcs_address)

    def may_live() -> bool:
        try:
            _knock(host, port)
        except ConnectionRefusedError:
            return False
        except OSError:
            pass
        return True

    return may_live


def _connect(address: str | None, modules: Collection[str], sessions: Path | None) -> None:
    if (address or "").startswith(_CLIENT):
        raise UserMistake(
            f"--address: {address} is the address of Ray's client, which would run the search away from the study's "
            "folder; run this command on the cluster, or have it run there by `ray job submit`, with --address auto "
            "(docs/cluster.md)"
        )
    _refuse_silence(address)
    if address is None:
        _refuse_no_loopback()
    if sessions is None:
        ours: dict[str, Any] = {"runtime_env": runtime_env(modules, Path.cwd())}
    else:
        ours = {"include_dashboard": False, "_temp_dir": str(sessions)}
        if not os.access(_SHARED_MEMORY, os.W_OK):  # read-only or missing, as in some containers
            ours["_plasma_directory"] = str(sessions)
    try:
        # "local", because without an address Ray would join whatever cluster it finds running on this machine.
        # Its processes look for modules first where it starts, and the working folder may have a `tune.py`.
        with groups_of_their_own(), _own_sigterm(), chdir(sessions or Path.cwd()):
            ray.init(address=address or "local", log_to_driver=False, configure_logging=False, **ours)
    except ray.exceptions.RuntimeEnvSetupError as error:
        raise UserMistake(
            f"--address: the code below {Path.cwd()} cannot be sent to the cluster: {error}; start from a folder that "
            "holds your trainer and little else, or name what is too large in its .gitignore"
        ) from error
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.AuthenticationError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserMistake(
            f"--address: Ray on {address or 'this machine'} cannot be used: {first}; a cluster that wants a token "
            "wants its own (RAY_AUTH_TOKEN, or ~/.ray/auth_token), see docs/cluster.md"
        ) from error


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Leaves SIGTERM to whoever had it: Ray's start puts a handler there that unwinds the driver, which may hang.

    Only the main thread can, and only there Ray does.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _refuse_no_loopback() -> None:
    """Ray's processes would wait for each other for minutes where 127.0.0.1 cannot be reached."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=_ANSWER_S).close()
    except OSError as error:
        raise UserMistake(
            "Ray cannot start here: its processes talk to each other over 127.0.0.1, which cannot be reached "
            f"({error}); bring the loopback device up (ip link set lo up), or train in this process (--driver inline)"
        ) from None


def _refuse_silence(address: str | None) -> None:
    """Ray waits for minutes where nobody listens; a look at the port takes seconds."""
    host, port = _host_and_port(address or "")
    if not (host and port.isdigit()):
        return
    try:
        _knock(host, port)
    except (OSError, OverflowError) as error:
        raise UserMistake(
            f"--address: nobody answers at {address}: {error}; give the address that `ray start --head` printed"
        ) from None


def _host_and_port(address: str) -> tuple[str, str]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), port


def _knock(host: str, port: str) -> None:
    socket.create_connection((host, int(port)), timeout=_ANSWER_S).close()
