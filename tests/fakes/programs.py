"""Little programs that train, as strangers write them, and how they are run here."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from tune.adapters.program.trainer import program_trainer
from tune.study.program.section import Program
from tune.trainer import Trainer

PYTHON = [sys.executable, "-I", "-S"]
"""Starts fast: no packages."""

LEARNS = """
import argparse, json, os, pathlib, sys, time
parser = argparse.ArgumentParser()
parser.add_argument("--x", type=float)
parser.add_argument("--seed", type=int)
parser.add_argument("--epochs", type=int, default=1000000)
parser.add_argument("--checkpoint", type=pathlib.Path)
parser.add_argument("--log", type=pathlib.Path)
parser.add_argument("--pause", type=float, default=0)
options = parser.parse_args()
epoch, loss = 0, 1.0 + options.seed
saved = options.checkpoint / "state.json" if options.checkpoint else None
if saved and saved.exists():
    epoch, loss = json.loads(saved.read_text())
while epoch < options.epochs:
    epoch += 1
    loss = options.x + loss / 2
    time.sleep(options.pause)
    if options.log:
        with options.log.open("a") as file:
            file.write(f"{options.x!r} {options.seed} {epoch}\\n")
    if saved:
        saved.with_suffix(".new").write_text(json.dumps([epoch, loss]))
        os.replace(saved.with_suffix(".new"), saved)
    print(f"epoch {epoch}: loss={loss!r}, done")
"""
"""Its loss halves its distance from `2 x` in each epoch; it tells in lines, and saves before it tells."""

LINES = r"epoch (?P<epoch>\d+): loss=(?P<loss>\S+)"


def learned(x: float, seed: int, epochs: int) -> list[float]:
    """What `LEARNS` tells."""
    losses, loss = [], 1.0 + seed
    for _ in range(epochs):
        loss = x + loss / 2
        losses.append(loss)
    return losses


def script(folder: Path, text: str, name: str = "train.py") -> str:
    """Writes a program and returns its path."""
    path = folder / name
    path.write_text(text)
    return str(path)


def section(command: Sequence[str] | str, **keys: Any) -> Program:
    """The section `program` of a study."""
    return Program.model_validate({"command": command, **keys})


def trainer_of(
    program: Program,
    config: Mapping[str, Any],
    seeds: Sequence[int] = (1,),
    state: Mapping[int, Any] | None = None,
    *,
    folder: Path | None = None,
) -> Trainer:
    """A program as the trainer of the seventh trial of a study."""
    found: Any = program_trainer(program, "tiny")
    return (
        found.for_trial(7, folder)(config, {}, seeds, state) if folder is not None else found(config, {}, seeds, state)
    )


def children() -> set[psutil.Process]:
    """Every process that descends from this one; other tests may have left some."""
    return set(psutil.Process().children(recursive=True))
