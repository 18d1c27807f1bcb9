"""Which unit of work is moved from a slow node to an idle one."""

import pytest

from tune.drivers.ray.stragglers import Stragglers
from tune.optimizer.work import Work

IDLE = ["b", "c"]


def work(trial: int, to_epoch: int = 100) -> Work:
    """A unit of two seeds."""
    return Work(trial, {"x": 0.5}, (1, 2), 0, to_epoch)


def stragglers(*known: tuple[int, str, float]) -> Stragglers:
    """What is known when each trial has trained a few epochs on a node, at so many seconds per seed-epoch."""
    found = Stragglers()
    for trial, node, seconds in known:
        unit = f"{trial} on {node}"
        found.began(unit, work(trial), node)
        found.heard(unit, [20.0, 2 * seconds, 2 * seconds, 2 * seconds])
    return found


PEERS = [(1, "b", 1.0), (2, "b", 0.5), (3, "c", 2.0)]


@pytest.mark.parametrize(
    ("here", "known", "moved"),
    [
        (7.0, PEERS, True),  # more than three times the slowest of three peers
        (5.0, PEERS, False),
        (7.0, PEERS[:2], False),  # two peers say too little
        (7.0, [*PEERS[:2], (3, "a", 2.0)], False),  # a peer on the same node says nothing
        (5.0, [*PEERS, (0, "b", 1.0)], True),  # the trial itself was faster there
        (7.0, [*PEERS, (0, "b", 6.0)], False),  # it is slow by itself
    ],
)
def test_a_unit_is_slow_beside_itself_or_the_slowest_of_enough_peers(
    here: float, known: list[tuple[int, str, float]], moved: bool
) -> None:
    """A trial's own pace elsewhere is what counts; without it, the slowest of three others is to be expected."""
    assert bool(stragglers(*known, (0, "a", here)).slow("0 on a", IDLE)) is moved


def test_it_is_moved_only_where_a_slot_is_idle() -> None:
    """What trains on a node that has no idle slot says nothing of those that have."""
    assert not stragglers(*PEERS, (0, "a", 7.0)).slow("0 on a", [])
    assert not stragglers(*PEERS, (0, "a", 7.0)).slow("0 on a", ["a", "b"])


def test_it_is_moved_once() -> None:
    """A trial that is slow wherever it is costs one start at most."""
    found = stragglers(*PEERS, (0, "a", 7.0))
    assert "7 s per seed-epoch, 3.5 times as long as on other nodes" in found.slow("0 on a", IDLE)
    assert not found.slow("0 on a", IDLE)


def test_it_is_moved_only_when_that_saves_more_than_a_start_costs() -> None:
    """It took 20 s to begin: with one epoch of two seeds left, 14 s against 4 s, it stays."""
    found = stragglers(*PEERS)
    found.began("short", work(0, to_epoch=4 + 1), "a")
    found.heard("short", [20.0, 14.0, 14.0, 14.0])
    assert not found.slow("short", IDLE)
    found.began("long", work(4, to_epoch=4 + 3), "a")
    found.heard("long", [20.0, 14.0, 14.0, 14.0])
    assert found.slow("long", IDLE)


def test_the_first_epoch_does_not_count() -> None:
    """It loads and compiles."""
    found = stragglers(*PEERS)
    found.began("new", work(0), "a")
    found.heard("new", [900.0])
    assert not found.slow("new", IDLE)
    found.heard("new", [2.0, 2.0])
    assert not found.slow("new", IDLE)
