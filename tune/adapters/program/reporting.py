"""What a program calls to tell its metrics; nothing heavy is imported for it."""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

REPORT = "LATENT_TUNE_REPORT"
"""The variable with the file that a study reads; outside of a study it is not set."""


def report(**metrics: Any) -> None:
    """Tells the metrics of one epoch to the study that runs this program; outside of one, prints them.

    Called once per epoch. `epoch`, if it is given, numbers it from 0 or 1; a program that goes on from a checkpoint
    must give it. Where one process trains all seeds, each metric is a list in the order of `{seeds}`, or there is a
    call for each seed with `seed`.

    Args:
        **metrics: By name, a number, or an array or tensor of one number; mappings for names with dots.

    Raises:
        TypeError: If a value is no number.
    """
    row = _plain(metrics)
    file = os.environ.get(REPORT)
    if file is None:
        sys.stdout.write(json.dumps(row) + "\n")
        return
    # One write of the whole line, so that nobody reads half of it.
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, json.dumps(row).encode() + b"\n")
    finally:
        os.close(descriptor)


def _plain(value: Any, name: str = "") -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one, f"{name}.{key}".lstrip(".")) for key, one in value.items()}
    if hasattr(value, "tolist"):  # of NumPy, PyTorch and others alike
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(one, name) for one in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"report({name}=...): must be a number, got {type(value).__name__} {value!r:.60}") from None
