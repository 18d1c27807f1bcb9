"""Functions that train one seed, as people write them; small, with every way of saving."""

import json
import os
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tune.adapters.function import function_trainer
from tune.errors import TrainerMistake
from tune.trainer import Trainer


def trained(seed: int, epoch: int) -> None:
    """Leaves a line in the file that `FUNCTION_LOG` names, so that tests can count what was repeated."""
    if log := os.environ.get("FUNCTION_LOG"):
        with Path(log).open("a") as file:
            file.write(f"{seed} {epoch}\n")


def drawn() -> float:
    """A number that depends on every global generator, and on all that was drawn from each."""
    return random.random() + float(np.random.rand()) + float(torch.rand(()))  # noqa: NPY002, S311


def draws(config: Mapping[str, Any], seed: int, epochs: int) -> Iterator[dict[str, float]]:
    """Draws from the global generators, which nobody has seeded; saves nothing."""
    for epoch in range(1, epochs + 1):
        trained(seed, epoch)
        yield {"validation_loss": config["x"] + drawn(), "epoch_length": epoch}


def reseeds(seed: int, epochs: int) -> Iterator[dict[str, float]]:
    """Seeds the global generators itself, as scripts do."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)
    for _ in range(epochs):
        yield {"validation_loss": drawn()}


def _load(checkpoint: Path) -> dict[str, Any]:
    file = checkpoint / "state.json"
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {"epoch": 0, "sum": 0.0}
    return found


def _epoch(state: dict[str, Any], seed: int) -> None:
    state["epoch"] += 1
    state["sum"] += drawn()
    trained(seed, state["epoch"])


def saves_before(seed: int, epochs: int, checkpoint: Path) -> Iterator[dict[str, float]]:
    """Saves each epoch before it yields it."""
    state = _load(checkpoint)
    while state["epoch"] < epochs:
        _epoch(state, seed)
        (checkpoint / "state.json").write_text(json.dumps(state))
        yield {"validation_loss": state["sum"], "was": state["epoch"]}


def saves_after(seed: int, epochs: int, checkpoint: Path) -> Iterator[dict[str, float]]:
    """Saves each epoch after it has yielded it."""
    state = _load(checkpoint)
    while state["epoch"] < epochs:
        _epoch(state, seed)
        yield {"validation_loss": state["sum"], "was": state["epoch"]}
        (checkpoint / "state.json").write_text(json.dumps(state))


def saves_last(seed: int, epochs: int, checkpoint: Path) -> Iterator[dict[str, float]]:
    """Saves once, when all is trained."""
    state = _load(checkpoint)
    while state["epoch"] < epochs:
        _epoch(state, seed)
        yield {"validation_loss": state["sum"], "was": state["epoch"]}
    (checkpoint / "state.json").write_text(json.dumps(state))


def saves_every_third(seed: int, epochs: int, checkpoint: Path) -> Iterator[dict[str, float]]:
    """Saves every third epoch."""
    state = _load(checkpoint)
    while state["epoch"] < epochs:
        _epoch(state, seed)
        if state["epoch"] % 3 == 0:
            (checkpoint / "state.json").write_text(json.dumps(state))
        yield {"validation_loss": state["sum"], "was": state["epoch"]}


def numbered(seed: int, epochs: int, checkpoint: Path) -> Iterator[dict[str, float]]:
    """Saves every third epoch, and says which epoch a row is of."""
    for row in saves_every_third(seed, epochs, checkpoint):
        yield {**row, "epoch": row["was"]}


def forgets(seed: int, epochs: int, checkpoint: Path) -> Iterator[dict[str, float]]:
    """Saves each epoch, and never loads it."""
    for epoch in range(1, epochs + 1):
        (checkpoint / "best.json").write_text(str(epoch))
        yield {"validation_loss": seed + epoch}


def once(config: Mapping[str, Any], seed: int) -> dict[str, float]:
    """Trains at once, and returns what came of it."""
    return {"validation_loss": config["x"] + drawn(), "seed_was": seed}


def quadratic(config: Mapping[str, Any], seed: int, epochs: int, checkpoint: Path) -> Iterator[dict[str, float]]:
    """The objective of `tests.fakes.trainers.Quadratic`, in which everything depends on the whole past."""
    from tests.fakes.trainers import Quadratic

    file = checkpoint / "state.json"
    state = {seed: json.loads(file.read_text())} if file.exists() else None
    trainer = Quadratic(config, {}, [seed], state)
    for row in trainer.train(epochs - trainer.epochs[seed]):
        file.write_text(json.dumps(trainer.state()[seed]))
        yield {name: values[0] for name, values in row.items()}


def begun(function: Callable[..., Any], *seeds: int, state: Any = None) -> Trainer:
    """A trainer of the function, by the name `mine:train`."""
    return function_trainer(function, "mine:train")({"x": 0.5}, {}, list(seeds), state)


def raised(function: Callable[..., Any], epochs: int = 3) -> str:
    """What is said of a function that breaks the contract."""
    trainer = begun(function, 7)
    with pytest.raises(TrainerMistake) as error:
        list(trainer.train(epochs))
    trainer.close()
    return str(error.value)
