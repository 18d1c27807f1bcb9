"""Studies of the built-in trainer that have no fault, at settings of all sorts: none of them may be refused."""

from collections.abc import Iterator
from random import Random
from typing import Any

RECORDING: dict[str, Any] = {
    "simulate": {"extent": 1, "steps": 960, "seed": 0},
    "split": {"train": [0, 640], "validation": [680, 800], "test": [840, 960]},
}
"""One for all of them, so that it is simulated once."""

_RATES = {"adam": (3e-4, 3e-3), "adamw": (3e-4, 3e-3), "sgd": (3e-2, 3e-1)}
"""Where each optimizer learns within a few epochs."""


def healthy_studies(count: int, seed: int) -> list[dict[str, Any]]:
    """Study files, as mappings; the same ones for the same seed.

    Args:
        count: How many.
        seed: Of the settings.
    """
    source = Random(seed)  # noqa: S311
    return [_study(f"healthy-{number}", source) for number in range(count)]


def _study(name: str, source: Random) -> dict[str, Any]:
    epochs = source.choice((6, 8, 10))
    fixed = {**dict(_fixed(source)), "device": "cpu"}
    if source.random() < 0.3:
        fixed |= {"schedule": "cosine", "warmup_fraction": source.choice((0.0, 0.1)), "epochs": 3 * epochs}
    low, high = _RATES[fixed["optimizer"]]
    smallest = source.choice((8, 16))
    return {
        "name": name,
        "recording": RECORDING,
        "fixed": fixed,
        "space": {
            "learning_rate": {"log_uniform": [low, high]},
            "batch_size": {"choice": [smallest, 2 * smallest, 4 * smallest]},
            "latent_dims": {"int": [4, source.choice((8, 16, 32))], "log": True},
            "use_batch_norm": source.choice(({"choice": [True, False]}, {"choice": [True]}, {"choice": [False]})),
        },
        "search": {"trials": source.choice((6, 12, 24))},
        "seeds": source.sample(range(1000), 5),
        "rungs": [{"epochs": epochs, "seeds": source.choice((1, 2, 3))}, {"epochs": 3 * epochs, "seeds": 5}],
    }


def _fixed(source: Random) -> Iterator[tuple[str, Any]]:
    """Settings that all trials share."""
    yield "optimizer", source.choice(tuple(_RATES))
    yield "hidden_units", source.choice((16, 32, 64))
    yield "hidden_layers", source.choice((1, 2, 3))
    yield "activation", source.choice(("relu", "gelu", "tanh", "silu", "elu"))
    if source.random() < 0.3:
        yield "gradient_clipping", source.choice((0.5, 1.0, 5.0))
    if source.random() < 0.2:
        yield "l1", 1e-6
    if source.random() < 0.2:
        yield "weight_decay", 1e-5
    if source.random() < 0.2:
        yield "ema", 0.9
    if source.random() < 0.3:
        yield "use_stimulus", True
