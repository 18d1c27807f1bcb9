"""What goes wrong with trials: classes, causes, and the plan that follows from them."""

import pytest

from tune.drivers.reports import failure_class
from tune.ledger.attempts import Attempt, FailureClass, alike
from tune.optimizer.retries import MOST_LOST, retry


def attempt(kind: FailureClass = "crashed", seeds: int = 1, trained: int = 0, **more: object) -> Attempt:
    return Attempt("cause", "log", 0.0, kind, tuple(range(seeds)), trained=trained, **more)  # type: ignore[arg-type]


class OutOfMemoryError(RuntimeError):
    """By the name of PyTorch's, and of Ray's."""


WRAPPED = ValueError("a step died")
WRAPPED.__cause__ = MemoryError()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), "out_of_memory"),
        (OutOfMemoryError("x"), "out_of_memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), "out_of_memory"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory"), "out_of_memory"),
        (WRAPPED, "out_of_memory"),
        (ValueError("CUDA out of memory"), "crashed"),
        (RuntimeError("size mismatch"), "crashed"),
    ],
)
def test_out_of_memory_is_known_by_name_and_text(error: BaseException, expected: str) -> None:
    """Whatever library says it, and however it is wrapped."""
    assert failure_class(error) == expected


def test_pytorchs_own_error_is_known() -> None:
    """The exception that PyTorch raises on a GPU."""
    import torch

    assert failure_class(torch.OutOfMemoryError("CUDA out of memory")) == "out_of_memory"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("OSError: /tmp/a1/x.pt is short", "OSError: /scratch/b/y.pt is short"),
        ("ValueError: got 3.5 of 17 rows", "ValueError: got 12.25 of 4 rows"),
        ("KeyError: <object at 0x7f12ab>", "KeyError: <object at 0x9900ff>"),
        ("KeyError: 'run 12ab34cd'", "KeyError: 'run deadbee1'"),
    ],
)
def test_one_cause_in_varying_words(one: str, other: str) -> None:
    """Paths, numbers, addresses and hashes do not make another cause."""
    assert alike(one) == alike(other)
    assert alike(one) != alike(f"{one} again")


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


def test_attempts_are_kept_whole() -> None:
    """What a decision keeps is what is read from it; decisions of earlier versions have only a reason and a log."""
    one = attempt("out_of_memory", 3, 12, epoch=9)
    assert Attempt.of(one.detail, "out of memory with 3 seeds; tried again with 2 (cause)", 0.0) == one
    assert Attempt.of({"log": "l"}, "OSError: x", 3.0) == Attempt("OSError: x", "l", 3.0)
