"""The middle of a space."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from tune.study.settings.center import centers, value_at
from tune.study.space import Parameter

PARAMETER: TypeAdapter[Any] = TypeAdapter(Parameter)


@pytest.mark.parametrize(
    ("given", "low", "middle", "high"),
    [
        ({"log_uniform": [1e-4, 1e-2]}, 1e-4, 1e-3, 1e-2),
        ({"uniform": [0, 1]}, 0.0, 0.5, 1.0),
        ({"uniform": [0, 1], "step": 0.25}, 0.0, 0.5, 1.0),
        ({"int": [4, 64], "log": True}, 4, 16, 64),
        ({"int": [1, 9], "step": 4}, 1, 5, 9),
        ({"choice": [256, 16, 64]}, 16, 64, 256),
    ],
)
def test_half_way_on_its_scale(given: dict[str, Any], low: Any, middle: Any, high: Any) -> None:
    """A range is halved on the scale on which it is searched; numbers of a choice are ordered, however given."""
    parameter = PARAMETER.validate_python(given)
    assert [value_at(parameter, place) for place in (0.0, 0.5, 1.0)] == [low, middle, high]
    assert centers({"x": parameter}) == {"x": middle}


def test_where_an_expert_said_so() -> None:
    """A prior is the middle, and of values without an order one of them."""
    space = {"rate": {"log_uniform": [1e-5, 1e-1], "prior": 3e-4}, "kind": {"choice": ["a", "b", "c"]}}
    assert centers({name: PARAMETER.validate_python(one) for name, one in space.items()}) == {"rate": 3e-4, "kind": "b"}
