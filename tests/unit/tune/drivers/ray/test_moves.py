"""When a unit of work is moved, and where it may go."""

import pytest

from tests.fakes.clock import Clock
from tune.drivers.ray.stragglers import IDLE_S, Stragglers
from tune.optimizer.work import Work
from tune.study.sections import Resources


class Scene:
    """Trial 0 on node `a`, seven times as slow as three others were on node `b`, which has one slot."""

    def __init__(self, free_on_b: float) -> None:
        from tune.drivers.ray.moves import Moves
        from tune.drivers.ray.nodes import Node, Nodes

        self.clock, self.resting = Clock(), set[str]()
        self.there = [Node("a", "10.0.0.1", {"CPU": 1}, {}), Node("b", "10.0.0.2", {"CPU": 1}, {"CPU": free_on_b})]
        nodes = Nodes(Resources(), lambda: list(self.there), self.clock)
        self.moves = Moves(nodes, Stragglers(), lambda: self.resting, self.clock)
        for trial in (1, 2, 3):
            self.train(trial, "b", 1.0)
            self.moves.stragglers.ended(str(trial))
        self.train(0, "a", 7.0)

    def work(self, trial: int) -> Work:
        """A long unit of one seed."""
        return Work(trial, {"x": 0.5}, (1,), 0, 100)

    def train(self, trial: int, node: str, epoch_s: float) -> None:
        """A few epochs of a trial on a node."""
        self.moves.stragglers.began(str(trial), self.work(trial), node)
        self.moves.stragglers.heard(str(trial), [9.0, epoch_s, epoch_s])

    def idle(self, seconds: float) -> None:
        """A slot is offered, there is no work for it, and time passes."""
        self.moves.unwanted()
        self.clock.now += seconds

    def away(self) -> bool:
        """Whether trial 0 is to be moved now."""
        return self.moves.away("0", self.work(0))


def test_it_is_moved_when_a_slot_has_stood_idle() -> None:
    """Not at once, for the slot may only be on its way to other work; then once, avoiding the node that is slow."""
    scene = Scene(free_on_b=1)
    assert not scene.away()
    scene.idle(IDLE_S / 2)
    assert not scene.away()
    scene.idle(IDLE_S / 2)
    assert scene.away()
    assert not scene.away()
    assert scene.moves.left("0") == scene.work(0)
    assert scene.moves.left("0") is None
    assert scene.moves.avoided(scene.work(0)) == ["a"]
    assert scene.moves.avoided(scene.work(1)) == []


def test_work_for_the_slot_comes_first() -> None:
    """As soon as there is other work for it, the slot has not stood idle."""
    scene = Scene(free_on_b=1)
    scene.idle(IDLE_S)
    scene.moves.wanted()
    scene.idle(IDLE_S / 2)
    assert not scene.away()


@pytest.mark.parametrize(("resting", "moved"), [({"b"}, True), (set(), False)])
def test_a_slot_is_idle_where_an_actor_of_ours_rests(resting: set[str], moved: bool) -> None:
    """Tune keeps the slot of an actor that waits for its next unit; a slot that another study holds is not idle."""
    scene = Scene(free_on_b=0)
    scene.resting = resting
    scene.idle(IDLE_S)
    assert scene.away() is moved


def test_a_slot_in_which_a_unit_trains_is_not_idle() -> None:
    """Whatever rested on the node before."""
    scene = Scene(free_on_b=0)
    scene.resting = {"b"}
    scene.train(4, "b", 1.0)
    scene.idle(IDLE_S)
    assert not scene.away()


def test_nothing_is_avoided_when_no_other_node_is_left() -> None:
    """A slow node is better than none."""
    scene = Scene(free_on_b=1)
    scene.idle(IDLE_S)
    assert scene.away()
    scene.there.pop()
    scene.clock.now += 3
    assert scene.moves.avoided(scene.work(0)) == []
    assert not scene.moves.possible(["a"])
