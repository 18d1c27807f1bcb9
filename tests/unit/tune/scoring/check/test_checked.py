"""What a check came to, as it is kept."""

from math import nan
from typing import Any

from tests.fakes.short_trainings import healthy, items
from tune.scoring.check.checked import Checked


def test_a_check_is_plain_data_and_back() -> None:
    """What is kept in a ledger comes back the same; what is of another version or damaged is no check."""
    found = Checked("s", "ray", 2, 8, 1.5, 3.0, [*items(healthy()).values()], {"wall_clock_s": [1, 2, 3]}, "abc")
    assert Checked.of(found.plain) == found
    first = found.plain["items"][0]
    damaged: Any
    damaged_estimates: Any = (
        3,
        [],
        {"wall_clock_s": [1, 2]},
        {"trials": [1, nan, 2]},
        {"money": "dear"},
        {"options": [1]},
    )
    for damaged in (
        *(None, [], {}, {"items": 3}, {**found.plain, "items": [{"name": "x"}]}, {"items": []}),
        *({**found.plain, "items": [{**first, **wrong}]} for wrong in ({"verdict": "fine"}, {"measured": 3})),
        *({**found.plain, **wrong} for wrong in ({"seconds": "1"}, {"at": nan}, {"slots": None}, {"study": ["s"]})),
        *({**found.plain, "estimate": wrong} for wrong in damaged_estimates),
        {**found.plain, "estimate": {"options": {"a third": {"trials": 1}}}},
    ):
        assert Checked.of(damaged) is None
