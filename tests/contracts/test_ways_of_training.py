"""One objective as class, function and program: a study decides the same, whoever drives it."""

from pathlib import Path
from typing import Any

import pytest

from tests.contracts.test_drivers import Drive, drive, told, work_on
from tests.fakes.one_objective import ANEW, BASELINE, SPACE, WAYS
from tune.ledger.reader import LedgerReader
from tune.study.study import Study

__all__ = ["drive"]  # the fixture with every driver


def study_of(way: str, **changes: Any) -> Study:
    given = {
        "name": "ways",
        "space": SPACE,
        "seeds": [1, 2, 3],
        "score": {"baseline": BASELINE},
        "search": {"trials": 5},
        "rungs": [{"epochs": 2, "seeds": 2}, {"epochs": 4, "seeds": 3}],
        "resources": {"cpus_per_trial": 2},  # one slot, so that what ends first is the same
    }
    return Study.model_validate({**given, **(changes or WAYS[way])})


def losses(ledger: LedgerReader) -> Any:
    return ledger.curves().select(["trial", "seed", "epoch", "validation_loss"])


@pytest.mark.parametrize("way", list(WAYS)[1:])
def test_every_way_is_driven_alike(way: str, drive: Drive, tmp_path: Path) -> None:
    """Decisions, reasons included, and losses are those of the class, to the last bit."""
    reference = work_on(study_of("class"), tmp_path / "class", drive)
    found = work_on(study_of(way), tmp_path / way, drive)
    assert told(found) == told(reference)
    assert losses(found).equals(losses(reference))
    assert {"confirm", "reach"} & {decision.kind for decision in found.decisions}


@pytest.mark.parametrize("way", list(WAYS)[1:])
def test_every_way_goes_on_where_it_was_stopped(way: str, drive: Drive, tmp_path: Path) -> None:
    """A graceful stop in mid-rung repeats nothing, and the study ends with the decisions and losses of the class."""
    reference = work_on(study_of("class"), tmp_path / "class", drive)
    work_on(study_of(way), tmp_path / way, drive, should_stop=lambda ledger: ledger.spent >= 5)
    found = work_on(study_of(way), tmp_path / way, drive)
    assert found.sessions[0].ended == "interrupted"
    assert found.redone == 0
    assert told(found) == told(reference)
    assert losses(found).equals(losses(reference))


@pytest.mark.parametrize("way", list(ANEW))
def test_what_is_trained_again_without_a_checkpoint_is_counted(way: str, drive: Drive, tmp_path: Path) -> None:
    """As redone, the epochs of the lower rung by each seed that goes on from there; all else is the same."""
    reference = work_on(study_of("class"), tmp_path / "class", drive)
    found = work_on(study_of(way, **ANEW[way]), tmp_path / way, drive)
    assert told(found) == told(reference)
    assert losses(found).equals(losses(reference))
    climbed = [decision for decision in found.decisions if decision.kind == "promote"]
    assert climbed
    assert (found.redone, found.spent) == (3 * 2 * len(climbed), reference.spent)  # the new seed catches up first
    assert reference.redone == 0
