"""Planted faults: a check names each, in words that lead to the cause, and lets the same training without it go."""

from pathlib import Path

import pytest

from benchmarks.check_faults import named
from tests.fakes.planted.catalogue import PLANTED, Planted
from tune.adapters.loading import load
from tune.cli.session.checking import CheckRequest, check
from tune.cli.session.given import GivenTrainer
from tune.scoring.check.checked import Checked
from tune.study.document import Document
from tune.study.study import Study, build_study

NEEDS_PROCESSES = ("imports", "speed", "drift", "slow start", "waiting", "memory", "leak")
"""What one process that does all of it cannot show, or not while others use the machine."""
SHARED = ("state-of-this-process-class", "module-variable-function")
"""What is kept in a module is there for all that one process trains."""

HERE = [
    one for one in PLANTED if one.item not in NEEDS_PROCESSES and "program" not in one.study and one.name not in SHARED
]
FRESH = [one for one in PLANTED if one.item in ("imports", "leak") or one.name in SHARED]


def checked(study: Study, results: Path, *, here: bool) -> Checked:
    given = GivenTrainer(load(study), {}, by_name=False) if here else None
    return check(study, CheckRequest("inline", results, minutes=1, given=given))


@pytest.mark.parametrize("one", HERE, ids=[one.name for one in HERE])
def test_a_fault_is_named(one: Planted, tmp_path: Path) -> None:
    """The item that is about it says so, in words that lead to the cause."""
    found = checked(build_study(Document(one.name, dict(one.study))), tmp_path, here=True)
    assert named(one, found), found.items


@pytest.mark.parametrize("way", ["class", "function"])
def test_without_a_fault_it_goes(way: str, tmp_path: Path) -> None:
    """The same training without any fault is not refused."""
    one = next(one for one in HERE if one.name.endswith(way))
    healthy = checked(build_study(Document(one.name, dict(one.healthy))), tmp_path, here=True)
    assert healthy.verdict != "no-go", healthy.items


@pytest.mark.slow
@pytest.mark.parametrize("one", FRESH, ids=[one.name for one in FRESH])
def test_a_fault_that_shows_in_fresh_processes(one: Planted, tmp_path: Path) -> None:
    """So is what only shows in processes of its own; `python -m benchmarks.check_faults` has all of them."""
    found = checked(build_study(Document(one.name, dict(one.study))), tmp_path, here=False)
    assert named(one, found), found.items
