"""Asking every node of a Ray cluster, before a study begins, whether it can do its part."""

import secrets
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from tune.drivers.ray.nodes import alive
from tune.errors import LatentTuneError, UserMistake
from tune.ledger.storage.folders import checkpoints_of, folder_at
from tune.study.places import folder_of, without_options
from tune.study.study import Study

_ANSWER_S = 60.0
"""A process is started on a node that has had none yet, which may import for long from a slow disk."""


def names() -> dict[str, str]:
    """Returns address and host name, for people, of every node of the cluster, by Ray's name of it."""
    return {node.id: f"{node.address} ({node.host})" for node in alive()}


def ask(nodes: Mapping[str, str], function: Callable[..., Any], *given: Any) -> dict[str, Any]:
    """Returns what a function comes to on each node, by Ray's name of it; all are asked at once.

    Args:
        nodes: By Ray's name; values are not looked at.
        function: Called once on each. What it raises is its answer, as text; so is a node that does not answer in time.
        *given: Its arguments.
    """
    remote = ray.remote(_tried)
    asked = {
        node: remote.options(
            num_cpus=0, max_retries=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)
        ).remote(function, *given)
        for node in nodes
    }
    ray.wait(list(asked.values()), num_returns=len(asked), timeout=_ANSWER_S)
    return {node: _answer(answer) for node, answer in asked.items()}


class Silent(str):
    """Why a node gave no answer."""

    __slots__ = ()


def _tried(function: Callable[..., Any], *given: Any) -> Any:
    try:
        return function(*given)
    except Exception as error:  # noqa: BLE001 - told to whoever asked, with the node's name
        return Silent(f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}")


def _answer(asked: Any) -> Any:
    try:
        return ray.get(asked, timeout=0)
    except ray.exceptions.GetTimeoutError:
        ray.cancel(asked, force=True)
        return Silent(f"no answer within {_ANSWER_S:.0f} s")
    except ray.exceptions.RayError as error:
        return Silent(f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}")


def refuse_blind_nodes(study: Study, folder: Path) -> None:
    """Has every node but this one write a file where checkpoints go, read it back and remove it.

    Where they go into a folder, it must be the same one everywhere: this process writes a random word there, which
    each node must read. A node that joins later is not asked: its first unit looks for the study's own word
    (`CheckpointStore.refuse_other`).

    Args:
        study: The study.
        folder: Its folder, which need not be there yet.

    Raises:
        UserMistake: Names each node that cannot, with its address, host name and why.
    """
    here = ray.get_runtime_context().get_node_id()
    others = {node: name for node, name in names().items() if node != here}
    if not others:
        return
    place = _there_now(checkpoints_of(study, folder))
    where, name, word = folder_at(place), f".probe-{secrets.token_hex(8)}", secrets.token_hex(16)
    try:
        where.write(name, lambda file: file.write(word.encode()))
        try:
            answers = ask(others, probe, place, name, word)
        finally:
            where.remove([name])
    except (LatentTuneError, OSError) as error:
        raise UserMistake(f"{without_options(place)}: checkpoints cannot be written there: {error}") from error
    wrong = [f"  {others[node]}: {answer}" for node, answer in answers.items() if answer is not None]
    if wrong:
        raise UserMistake(
            "\n".join([f"{len(wrong)} of {len(others) + 1} nodes cannot use {without_options(place)}:", *wrong])
            + "\ncheckpoints must lie where every node sees them: a shared filesystem (--results DIR, or "
            "storage.shared: /path) or an object store (storage.shared: s3://bucket/prefix); see docs/storage.md"
        )


def probe(place: str, name: str, word: str) -> str | None:
    """Returns why this machine cannot use a place, None when it can.

    Args:
        place: Path or URI.
        name: Of the file there that holds the word.
        word: What it must read.
    """
    where, mine = folder_at(place), f"{name}-{socket.gethostname()}-{secrets.token_hex(4)}"
    if where.disk is not None and not where.disk.is_dir():
        return "there is no such folder on it"
    try:
        with where.open(name) as file:
            seen = file.read().decode(errors="replace")
    except FileNotFoundError:
        seen = ""
    if seen != word:
        return "it sees another folder of that name, not the one that the driver sees"
    where.write(mine, lambda file: file.write(word.encode()))
    try:
        with where.open(mine) as file:
            same = file.read() == word.encode()
    finally:
        where.remove([mine])
    return None if same else "what it writes there is not what it reads back"


def _there_now(place: str) -> str:
    """Returns a place, or of a folder that is still to be made the nearest one above it that is there."""
    disk = folder_of(place)
    if disk is None:
        return place
    return str(next(path for path in (disk, *disk.parents) if path.is_dir()))
