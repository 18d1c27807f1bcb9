"""Small plans of the fake trainers."""

from typing import Any

from tune.study.document import Document
from tune.study.study import Study, build_study

PLAN: dict[str, Any] = {
    "name": "planned",
    "trainer": "tests.fakes.trainers:Quadratic",
    "recording": {},
    "base": {"x": 0.9, "width": 4},
    "plan": {
        "first": {"grid": {"x": [0.9, 0.5, 0.3], "width": [4, 8]}},
        "second": {"from": "first", "one_at_a_time": {"width": [4, 16]}},
        "third": {"from": ["first", "second"], "arms": {"longer": {"epochs": 5}, "near": {"x": 0.4}}},
    },
    "seeds": [1, 2, 3],
    "epochs": 3,
}
"""Six arms of a grid, whose best has x = 0.3; then three at most, then three more."""


def plan_study(**changes: Any) -> Study:
    """The plan above, with other keys."""
    return build_study(Document("plan.yaml", {**PLAN, **changes}))
