"""Small studies of the fake trainers."""

from typing import Any

from tune.study.study import Study


def quadratic_study(**changes: Any) -> Study:
    """Twelve trials over `x` in [0, 1] and `fragile`, on a ladder of 2 epochs x 2 seeds and 6 x 3."""
    return Study.model_validate(
        {
            "name": "quadratic",
            "trainer": "tests.fakes.trainers:Quadratic",
            "recording": {},
            "space": {"x": {"uniform": [0, 1]}, "fragile": {"choice": [True, False]}},
            "search": {"trials": 12},
            "seeds": [1, 2, 3],
            "rungs": [{"epochs": 2, "seeds": 2}, {"epochs": 6, "seeds": 3}],
            **changes,
        }
    )
