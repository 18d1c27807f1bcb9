"""How a trial goes on after its units of work ended without a result."""

import pytest

from tune.ledger.attempts import Attempt, FailureClass
from tune.optimizer.retries import MOST_LOST, retry


def attempt(kind: FailureClass = "crashed", seeds: int = 1, trained: int = 0, **more: object) -> Attempt:
    return Attempt("cause", "log", 0.0, kind, tuple(range(seeds)), trained=trained, **more)  # type: ignore[arg-type]


def test_halves_until_alone_and_only_then_over() -> None:
    """5 seeds, 3, 2, 1, 1 alone; each reason tells the plan."""
    attempts: list[Attempt] = []
    for seeds, most, alone, said in (
        (5, 3, False, "out of memory with 5 seeds; tried again with 3 (cause)"),
        (3, 2, False, "out of memory with 3 seeds; tried again with 2 (cause)"),
        (2, 1, False, "out of memory with 2 seeds; tried again with 1 (cause)"),
        (1, 1, True, "out of memory with 1 seed; tried again alone (cause)"),
    ):
        attempts.append(attempt("out_of_memory", seeds))
        plan = retry(attempts, retries=0)
        assert (plan.most_seeds, plan.alone, plan.reason, plan.over) == (most, alone, said, "")
    assert "nothing else in training" in retry([*attempts, attempt("out_of_memory", 1)], retries=9).over


def test_retries_are_those_of_a_unit() -> None:
    """A unit that died once and went on leaves the next its whole budget; who shared its process is no other unit."""
    first, second = attempt(seeds=3, epoch=2, from_epoch=0), attempt(seeds=3, trained=6, epoch=4, from_epoch=2)
    assert retry([first, second], retries=1).reason == "cause; tried again (1 of 1)"
    other = Attempt("other", "log", 0.0, "crashed", (2, 7), 4, 6, from_epoch=2)
    assert retry([first, second, other], retries=1).over == "died 2 times, last of: other"


@pytest.mark.parametrize("kind", ["crashed", "evaluation"])
def test_what_comes_again_at_once_is_not_tried_again(kind: FailureClass) -> None:
    """The same exception with the same message, at the same unit, without a new epoch: more retries change nothing."""
    said = "not tried again, for the same came again at once at the same place: cause"
    assert retry([attempt(kind), attempt(kind)], retries=9).over == said
    for other in (attempt(kind, trained=1), attempt("stalled"), attempt(kind, epoch=7)):
        assert retry([other, attempt(kind)], retries=9).over == ""
    assert retry([attempt("stalled"), attempt("stalled")], retries=9).over == ""


@pytest.mark.parametrize("kind", ["crashed", "stalled", "evaluation"])
def test_retries_are_counted(kind: FailureClass) -> None:
    """As many as the study says, lost and out of memory not among them."""
    others = [attempt("lost"), attempt("out_of_memory", 4)]
    assert retry([*others, attempt(kind)], retries=1).reason == "cause; tried again (1 of 1)"
    assert retry([*others, attempt(kind), attempt(kind)], retries=1).over == "died 4 times, last of: cause"


def test_lost_without_end_is_over_only_without_progress() -> None:
    """A machine may go as often as it likes while epochs come; a trainer that kills its process does not."""
    moving = [attempt("lost", trained=epoch) for epoch in range(3 * MOST_LOST)]
    assert retry(moving, retries=0).over == ""
    stuck = [attempt("lost", trained=7) for _ in range(MOST_LOST - 1)]
    assert retry(stuck, retries=0).over == ""
    assert retry([*stuck, attempt("lost", trained=7)], retries=0).over.startswith(f"lost {MOST_LOST} times in a row")
    assert retry([*stuck, attempt(), attempt("lost", trained=7)], retries=1).over == ""


def test_an_evaluation_that_is_done_without_changes_nothing() -> None:
    """A trial that goes on has no death to answer for."""
    assert retry([attempt("evaluation", died=False)] * 5, retries=0) == retry([], retries=0)
