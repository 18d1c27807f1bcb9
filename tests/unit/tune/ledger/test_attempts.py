"""Units of work that ended without a result: which have one cause, and what is kept of them."""

import pytest

from tune.ledger.attempts import Attempt, alike


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


def test_attempts_are_kept_whole() -> None:
    """What a decision keeps is what is read from it; decisions of earlier versions have only a reason and a log."""
    one = Attempt("cause", "log", 0.0, "out_of_memory", (0, 1, 2), epoch=9, trained=12)
    assert Attempt.of(one.detail, "out of memory with 3 seeds; tried again with 2 (cause)", 0.0) == one
    assert Attempt.of({"log": "l"}, "OSError: x", 3.0) == Attempt("OSError: x", "l", 3.0)
