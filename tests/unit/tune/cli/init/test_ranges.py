"""What is searched of an option, by its name, kind and default."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from tune.cli.init.options import UNKNOWN, Option
from tune.cli.init.ranges import range_of
from tune.study.space import Parameter

#   name               kind     default  what is searched
RANGES: list[tuple[str, Any, Any, dict[str, Any] | None]] = [
    ("lr", "float", 3e-4, {"log_uniform": [3e-5, 3e-3]}),
    ("optimizer.lr", "float", 1, {"log_uniform": [0.1, 10.0]}),
    ("weight_decay", "float", 0.0, {"log_uniform": [1e-6, 1e-2]}),
    ("weight_decay", "float", 0.01, {"log_uniform": [0.001, 0.1]}),
    ("dropout", "float", 0.0, {"uniform": [0.0, 0.5]}),
    ("momentum", "float", 0.9, {"uniform": [0.5, 0.99]}),
    ("beta2", "float", 0.999, {"uniform": [0.9, 0.9999]}),
    ("label_smoothing", "float", 0.1, {"uniform": [0.0, 0.5]}),
    ("temperature", "float", 2.0, {"log_uniform": [0.2, 20.0]}),
    ("bias", "float", -2.0, {"uniform": [-4.0, 0.0]}),
    ("offset", "float", 0.0, None),
    ("batch_size", "int", 128, {"choice": [32, 64, 128, 256, 512]}),
    ("hidden_dim", "int", 200, {"choice": [64, 128, 200, 256, 512, 1024]}),
    ("layers", "int", 1, {"int": [1, 2]}),
    ("warmup_epochs", "int", 5, {"int": [2, 10]}),
    ("warmup_steps", "int", 1000, {"int": [500, 2000], "log": True}),
    ("skip", "int", 0, None),
    ("norm", "bool", True, {"choice": [True, False]}),
    ("optimizer", "text", "adam", None),
    ("lr", "float", None, {"log_uniform": [1e-5, 1e-1]}),
    ("lr", "text", UNKNOWN, {"log_uniform": [1e-5, 1e-1]}),
    ("alpha", "float", None, None),
]


@pytest.mark.parametrize(("name", "kind", "default", "searched"), RANGES)
def test_a_range_by_name_kind_and_default(name: str, kind: Any, default: Any, searched: dict[str, Any] | None) -> None:
    """Rates and penalties get a factor of 10, sizes powers of two, fractions [0, 1), whole numbers half to double."""
    assert range_of(Option(name, f"--{name}", kind, default)) == searched


@pytest.mark.parametrize("name", ["lr", "momentum", "batch_size", "layers", "beta_1", "gamma", "x"])
@pytest.mark.parametrize("default", [1e-12, 0.00312345, 0.3, 0.5, 0.995, 0.99999, 1, 3, 17, 1000, 2.5e7])
def test_a_range_holds_its_default(name: str, default: float) -> None:
    """Whatever the default, the range is one that a study takes, and holds it up to three digits."""
    kind: Any = "int" if isinstance(default, int) else "float"
    found = range_of(Option(name, f"--{name}", kind, default))
    assert found is not None
    parameter = TypeAdapter[Any](Parameter).validate_python(dict(found))
    assert parameter.holds(default), found


def test_listed_numbers_are_all_searched() -> None:
    """An option that takes some numbers only is a choice of these; of texts, it is none."""
    assert range_of(Option("heads", "--heads", "int", 4, choices=(2, 4, 8))) == {"choice": [2, 4, 8]}
    assert range_of(Option("act", "--act", "text", "relu", choices=("relu", "tanh"))) is None
