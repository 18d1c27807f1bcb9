"""What a refusal is, and a study of a recording in a file, for the tests of misuse."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from tests.behaviour.command import Said

LATENT: dict[str, Any] = {
    "trainer": "model.trainer:LatentEvolutionTrainer",
    "recording": {"path": "voltages.npy", "split": {"train": [0, 30], "validation": [30, 45], "test": [45, 60]}},
    "fixed": {"hidden_units": 8},
    "space": {"learning_rate": {"log_uniform": [1e-4, 1e-2]}, "latent_dims": {"int": [2, 8]}},
}
"""A study of the default trainer on a recording in a file; tiny, and never trained."""


SPLIT = LATENT["recording"]["split"]


STUDY = ["run", "study.yaml", "--driver", "inline"]


Array = np.ndarray[Any, Any]


def voltages(rows: int = 60, neurons: int = 4) -> Array:
    """A recording without mistakes."""
    return np.random.default_rng(0).standard_normal((rows, neurons)).astype(np.float32)


def snapshot(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Size, time of change and content of everything below a folder, folders included.

    Of the index beside a log that a killed writer left only that it is there: SQLite makes it anew to read the log.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.name.endswith("-shm"):
            found[str(path.relative_to(folder))] = (0, 0, "")
            continue
        about = path.lstat()
        content = sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(folder))] = (about.st_size if content else 0, about.st_mtime_ns, content)
    return found


def check_refused(said: Said, *parts: str) -> None:
    """Exit code 2, one message with these parts, nothing on standard output, no traceback."""
    assert said.code == 2, said
    assert said.out == ""
    assert "Traceback" not in said.err
    lines = said.err.splitlines()
    if not said.err.startswith("latent-tune: "):  # argparse's own: the usage, then the message in one line
        assert said.err.startswith("usage: latent-tune")
        lines = lines[-1:]
    assert len([line for line in lines if line.startswith("latent-tune")]) == 1
    for part in parts:
        assert part in said.err, said.err


def asked(command: list[str], folder: Path) -> list[str]:
    """A command of a folder."""
    return [part.format(folder) for part in command]
