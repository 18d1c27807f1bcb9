"""How the recording reaches the nodes of a Ray cluster: once each, and where the file lies there already, not at all.

Arrays that map a file travel as its name and checksum. A node that has the same file maps it, and all actors there
share its pages; the others get the array through Ray's object store, one copy per node, spilled to disk when it is
large. Everything else in a recording is small, or was computed, and goes through the object store as it is.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from tune.drivers.ray.node_checks import Silent, ask, names
from tune.errors import UserMistake

Verdict = Literal["same", "other", "missing"]

Place = tuple[Any, ...]
"""The keys that lead to an array of a recording, from one mapping to the next."""


@dataclass(frozen=True)
class MappedFile:
    """An array that maps a whole file, but for its head.

    Attributes:
        path: The file, absolute.
        offset: Bytes before the first value.
        shape: Of the array.
        dtype: As NumPy writes it.
        order: C or F.
        size: Bytes of the file.
        sha256: Of the file; "" while only this machine wants to know.
    """

    path: str
    offset: int
    shape: tuple[int, ...]
    dtype: str
    order: Literal["C", "F"]
    size: int
    sha256: str = ""

    def array(self) -> np.ndarray:
        """Returns the array, mapped read-only."""
        given: dict[str, Any] = {"dtype": np.dtype(self.dtype), "offset": self.offset, "order": self.order}
        return np.asarray(np.memmap(self.path, mode="r", shape=self.shape, **given))


@dataclass(frozen=True)
class SharedRecording:
    """A recording on its way to actors.

    Attributes:
        plain: What travels as it is.
        files: What is mapped where the file is the same, by its place in the recording: the keys that lead to it.
        nodes: Ray's names of the nodes where all of these files are.
        source: An actor on the driver's node that has them for the others; None where nobody can join.
    """

    plain: Mapping[str, Any]
    files: Mapping[Place, MappedFile]
    nodes: frozenset[str]
    source: Any = None

    def here(self) -> dict[str, Any]:
        """Returns the recording on the node of this process."""
        if not self.files or ray.get_runtime_context().get_node_id() in self.nodes:
            return whole(self.plain, {key: file.array() for key, file in self.files.items()})
        (arrays,) = ray.get(self.source.arrays.remote())
        return whole(self.plain, ray.get(arrays))


class RecordingServer:
    """An actor that puts files into the object store when the first node asks that lacks them."""

    def __init__(self, files: Mapping[Place, Mapping[str, Any]]) -> None:
        self._files = {key: MappedFile(**file) for key, file in files.items()}
        self._arrays: Any = None

    def arrays(self) -> list[Any]:
        """Returns, in a list so that Ray hands on the reference itself, that to the arrays by place."""
        self._arrays = self._arrays or ray.put({key: file.array() for key, file in self._files.items()})
        return [self._arrays]


def share_recording(recording: Mapping[str, Any], named: Mapping[str, Any], *, joinable: bool) -> SharedRecording:
    """Finds out which nodes have the files of a recording.

    Args:
        recording: As the trainer prepared it on this machine.
        named: The study's `recording`: a file that it names must be the same wherever it is, or missing.
        joinable: Whether nodes may join later; they get the recording through the object store.

    Raises:
        UserMistake: Names each node where a file that the study names is another one.
    """
    plain, files = split_files(recording)
    here, nodes = ray.get_runtime_context().get_node_id(), names()
    others = {node: name for node, name in nodes.items() if node != here}
    if not files or not (others or joinable):
        return SharedRecording(plain, files, frozenset({here}))
    if others:
        files = {key: MappedFile(**{**asdict(file), "sha256": _digest(Path(file.path))}) for key, file in files.items()}
    seen = ask(others, look, {key: asdict(file) for key, file in files.items()})
    _refuse_other_files(seen, others, files, named)
    having = {node for node, verdicts in seen.items() if set(_verdicts(verdicts)) == {"same"}}
    at_home = NodeAffinitySchedulingStrategy(here, soft=False)
    source = ray.remote(RecordingServer).options(num_cpus=0, scheduling_strategy=at_home)
    return SharedRecording(
        plain, files, frozenset({here, *having}), source.remote({key: asdict(file) for key, file in files.items()})
    )


def split_files(recording: Mapping[Any, Any]) -> tuple[dict[Any, Any], dict[Place, MappedFile]]:
    """Returns a recording without the arrays that map files, and these files by place; dicts in it are gone through."""
    plain = dict(recording)
    files: dict[Place, MappedFile] = {}
    for key, value in recording.items():
        if type(value) is dict:
            plain[key], within = split_files(value)
            files |= {(key, *place): file for place, file in within.items()}
        elif (file := mapped_file(value)) is not None:
            del plain[key]
            files[key,] = file
    return plain, files


def whole(plain: Mapping[Any, Any], arrays: Mapping[Place, Any]) -> dict[Any, Any]:
    """Returns what `split_files` took apart, with arrays in the places of the files; what is given stays as it is."""
    joined = dict(plain)
    for (key, *rest), array in arrays.items():
        joined[key] = whole(joined[key], {tuple(rest): array}) if rest else array
    return joined


def mapped_file(value: Any) -> MappedFile | None:
    """Returns the file that an array maps; None where it is no array, or maps none, or only a part of one."""
    if not isinstance(value, np.ndarray):
        return None
    base: Any = value
    while isinstance(base.base, np.ndarray):
        base = base.base
    if not isinstance(base, np.memmap) or base.filename is None or value.dtype.hasobject:
        return None
    same = value.shape == base.shape and value.strides == base.strides and value.ctypes.data == base.ctypes.data
    file = Path(base.filename).resolve()
    # A part of a map says the offset of the whole, so the array must reach to the end of its file.
    if not same or not file.is_file() or base.offset + value.nbytes != file.stat().st_size:
        return None
    order: Literal["C", "F"] = "C" if value.flags.c_contiguous else "F"
    return MappedFile(str(file), base.offset, value.shape, value.dtype.str, order, file.stat().st_size)


def look(files: Mapping[Place, Mapping[str, Any]]) -> dict[Place, Verdict]:
    """Returns by place what this machine has in the place of each file."""
    return {key: _compared(MappedFile(**file)) for key, file in files.items()}


def _compared(file: MappedFile) -> Verdict:
    path = Path(file.path)
    try:
        same = path.stat().st_size == file.size and _digest(path) == file.sha256
    except OSError:
        return "missing"
    return "same" if same else "other"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verdicts(answer: Any) -> list[str]:
    """Returns what a node said of its files; one that did not say is sent them."""
    return ["missing"] if isinstance(answer, Silent) else list(answer.values())


def _refuse_other_files(
    seen: Mapping[str, Any], nodes: Mapping[str, str], files: Mapping[Place, MappedFile], named: Mapping[str, Any]
) -> None:
    told = {str(Path(text).expanduser().resolve()) for text in _texts(named)}
    wrong = [
        f"  {nodes[node]}: its {files[key].path} is not the one that the driver has (size or SHA-256 differs)"
        for node, verdicts in seen.items()
        if not isinstance(verdicts, Silent)
        for key, verdict in verdicts.items()
        if verdict == "other" and files[key].path in told
    ]
    if wrong:
        raise UserMistake(
            "\n".join(["recording: the nodes do not have the same recording:", *wrong])
            + "\ncopy the same file there, or remove it there: a node without it is sent the driver's"
        )


def _texts(named: Mapping[str, Any]) -> Iterator[str]:
    for value in named.values():
        if isinstance(value, Mapping):
            yield from _texts(value)
        elif isinstance(value, str):
            yield value
