"""What a check estimated, beside what the study came to."""

from pathlib import Path
from typing import Any

import pytest

from tests.fakes.clock import Clock
from tests.fakes.ledgers import Player, latent_study
from tune.ledger.ledger import Ledger
from tune.ledger.reader import LedgerReader
from tune.study.sections import Search
from tune.views.promise import Promise, promise_of
from tune.views.report.page import report_of
from tune.views.report.rendering import as_markdown
from tune.views.results import cost_of, gather
from tune.views.terminal.status import status

ESTIMATE = {
    "wall_clock_s": [100, 200, 300],
    "gpu_hours": [0.01, 0.02, 0.03],
    "money": None,
    "seed_epochs": [10, 20, 30],
    "confirmed": [1, 2, 3],
}


def test_the_bill_is_set_beside_the_estimate(tmp_path: Path) -> None:
    """48 s and 32 seed-epochs of one confirmed trial: one below its interval, one above, one inside."""
    ledger = _played(tmp_path / "s", {"estimate": ESTIMATE})
    promise = _promise(ledger)
    assert promise is not None
    assert (promise.session, promise.outgrown) == (1, False)
    assert list(promise.measures) == ["wall_clock_s", "gpu_hours", "seed_epochs", "confirmed"]
    assert {name: one.inside for name, one in promise.measures.items()} == {
        "wall_clock_s": False,
        "gpu_hours": None,  # there are no GPUs
        "seed_epochs": False,
        "confirmed": True,
    }
    assert promise.measures["seed_epochs"].bill == ledger.spent > 30
    assert promise.per_confirmed == {"wall_clock_s": (100.0, cost_of(ledger).seconds), "gpu_hours": (0.01, None)}


def test_a_bill_is_judged_when_nothing_is_to_come(tmp_path: Path) -> None:
    """While a study is open only what is above its interval is known to lie outside."""
    ledger = _played(tmp_path / "s", {"estimate": ESTIMATE}, units=2)
    promise = _promise(ledger)
    assert promise is not None
    assert {name: one.inside for name, one in promise.measures.items()} == dict.fromkeys(promise.measures)
    low = _played(tmp_path / "low", {"estimate": {"seed_epochs": [0, 1, 2]}}, units=2)
    promise = _promise(low)
    assert promise is not None
    assert promise.measures["seed_epochs"].inside is False
    assert promise.per_confirmed == {}


@pytest.mark.parametrize(
    "check",
    [
        None,
        "go",
        [],
        {},
        {"estimate": None},
        {"estimate": [1, 2, 3]},
        {"estimate": {"wall_clock_s": 5, "gpu_hours": [1, 2], "money": ["1", "2", "3"], "seed_epochs": [3, 2, 1]}},
        {"estimate": {"wall_clock_s": [-1, 2, 3], "confirmed": [True, True, True], "money": {"low": 1}}},
        {"estimate": {"wall_clock_s": [None, 2, 3], "confirmed": [1, 2, 10**400], "other": [1, 2, 3]}},
    ],
)
def test_an_estimate_of_another_shape_says_nothing(tmp_path: Path, check: Any) -> None:
    """Whatever a later or an earlier version keeps there, the report is written and promises nothing."""
    ledger = _played(tmp_path / "s", check, units=1)
    assert _promise(ledger) is None
    assert status(ledger)["promise"] is None
    assert "80% interval" not in as_markdown(report_of(gather(ledger)))


def test_what_cannot_be_read_is_left_out_of_the_rest(tmp_path: Path) -> None:
    """One good measure among broken ones is shown."""
    promise = _promise(_played(tmp_path / "s", {"estimate": {"money": "free", "seed_epochs": [1, 2.5, 99]}}, units=1))
    assert promise is not None
    assert list(promise.measures) == ["seed_epochs"]


def test_a_study_that_has_grown_was_promised_of_less(tmp_path: Path) -> None:
    """The check of the first process that made one counts; what a later process added is said."""
    clock, study = Clock(), _study()
    Ledger.open(study, tmp_path / "s", clock=clock, detail={"check": {"estimate": ESTIMATE}}).close("interrupted")
    more = study.model_copy(update={"search": Search(method="random", trials=9)})
    Ledger.open(more, tmp_path / "s", clock=clock, grow=True).close("interrupted")
    promise = _promise(LedgerReader.read(tmp_path / "s", clock=clock))
    assert promise is not None
    assert (promise.session, promise.outgrown) == (1, True)
    again = {"estimate": {"confirmed": [1, 1, 1]}}
    Ledger.open(more, tmp_path / "s", clock=clock, detail={"check": again}).close("interrupted")
    promise = _promise(LedgerReader.read(tmp_path / "s", clock=clock))
    assert promise is not None
    assert (promise.session, promise.outgrown, len(promise.measures)) == (1, True, 4)


def test_the_report_and_the_status_say_the_same(tmp_path: Path) -> None:
    """Estimate, interval and bill, in words and as plain values; money by the price of the study, or the one given."""
    study = _study(resources={"gpus_per_trial": 1}, budget={"price_per_gpu_hour": 2})
    estimate = {"estimate": {"gpu_hours": [1, 2, 4], "money": [2, 4, 8], "confirmed": [1, 2, 3]}}
    ledger = _played(tmp_path / "s", estimate, study=study, gpu_s=3600.0)
    said = status(ledger)["promise"]
    assert said["measures"]["gpu_hours"] == {"estimate": [1, 2, 4], "bill": 1.0, "inside": True}
    assert said["measures"]["money"] == {"estimate": [2, 4, 8], "bill": 2.0, "inside": True}
    assert said["per_confirmed"]["money"] == {"estimate": 2, "bill": 2.0}
    page = as_markdown(report_of(gather(ledger)))
    assert "What the check of session 1 estimated, and what the study came to. 3 of 3 bills lie inside." in page
    assert "| money | 4.00 | 2.00 to 8.00 | 2.00 | yes |" in page
    assert "| money per confirmed trial | 2.00 | – | 2.00 |  |" in page
    dearer = as_markdown(report_of(gather(ledger), 10.0))
    assert "| money | 4.00 | 2.00 to 8.00 | 10.00 | no, above it |" in dearer


def _study(**changes: Any) -> Any:
    ladder = [{"epochs": 2, "seeds": 2}, {"epochs": 8, "seeds": 3}]
    return latent_study(
        **{"search": {"method": "random", "trials": 4}, "rungs": ladder, "confirm": {"seeds": 3}, **changes}
    )


def _played(folder: Path, check: Any, units: int | None = None, study: Any = None, gpu_s: float = 0.0) -> LedgerReader:
    """A study whose process made a check, whole or so many units of it; with GPUs it holds them for so long in all."""
    clock = Clock()
    ledger = Ledger.open(study or _study(), folder, clock=clock, detail={"driver": "inline", "check": check})
    player = Player(ledger, clock)
    player.play() if units is None else player.play(units)
    if gpu_s:
        row = {"validation_loss": [0.03]}
        ledger.record(0, (1,), 1, row, held_s=gpu_s)
    if units is None:
        player.optimizer.finish()
    ledger.close("finished" if units is None else "interrupted")
    return LedgerReader.read(folder, clock=clock)


def _promise(ledger: LedgerReader) -> Promise | None:
    return promise_of(ledger, cost_of(ledger))
