"""The simulated driver: slots in virtual time."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.clock import Clock
from tests.fakes.studies import quadratic_study
from tests.fakes.trainers import Broken, Quadratic
from tune.drivers.job import Job
from tune.drivers.simulated import VirtualClock, drive
from tune.errors import StudyStopped
from tune.ledger.ledger import Ledger
from tune.optimizer.optimizer import Optimizer
from tune.scoring.standings import incumbent, standings
from tune.study.study import Study


class Timed(Quadratic):
    """Says that an epoch takes ten seconds, and that the first of trial 0's takes a hundred."""

    def train(self, epochs: int) -> Iterator[dict[str, list[float]]]:
        for metrics in super().train(epochs):
            slow = self.epochs[self.seeds[0]] == 1 and self.config.get("slow_start")
            yield {**metrics, "seconds": [100.0 if slow else 10.0] * len(self.seeds)}


class Open(Quadratic):
    """Counts the trainers that are not closed."""

    count = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        Open.count += 1

    def close(self) -> None:
        super().close()
        Open.count -= 1


class Played:
    """A study played in virtual time."""

    def __init__(self, folder: Path, slots: int, trainer: Any = Quadratic, study: Study | None = None) -> None:
        self.ledger = Ledger.open(study or quadratic_study(), folder, clock=Clock(tick_s=1.0))
        self.clock = VirtualClock()
        self.optimizer = Optimizer(self.ledger, self.clock)
        self.busy: list[tuple[float, int]] = []
        self._job = Job(self.optimizer, {}, trainer, should_stop=self._look)
        self._slots = slots
        self.stop_after: float = float("inf")

    def play(self) -> None:
        drive(self._job, self._slots, self.clock)

    def _look(self) -> bool:
        self.busy.append((self.clock(), len(self.optimizer.in_flight)))
        return self.ledger.spent >= self.stop_after


def reasons(ledger: Ledger) -> Sequence[tuple[str, int | None, str]]:
    return [(one.kind, one.trial, one.reason) for one in ledger.decisions if one.trial is not None]


def test_an_epoch_of_some_seeds_takes_a_virtual_second_for_each(tmp_path: Path) -> None:
    """With one slot and a trainer that tells no time, virtual seconds are seed-epochs."""
    played = Played(tmp_path / "q", slots=1)
    played.play()
    assert played.clock() == played.ledger.spent > 0


def test_an_epoch_takes_as_long_as_the_trainer_says(tmp_path: Path) -> None:
    """The metric `seconds` is that of all seeds together, not one's share."""
    played = Played(tmp_path / "q", slots=1, trainer=Timed)
    played.play()
    rows = played.ledger.curves().to_pylist()  # seed 3 trains its first two epochs alone, to catch up
    together = {(row["trial"], row["epoch"], row["seed"] == 3 and row["epoch"] <= 2) for row in rows}
    assert played.clock() == 10.0 * len(together)


def test_slots_work_side_by_side(tmp_path: Path) -> None:
    """Four slots are done in much less virtual time than one, and are never more than four."""
    alone, together = Played(tmp_path / "one", slots=1), Played(tmp_path / "four", slots=4)
    for played in (alone, together):
        played.play()
    assert max(busy for _, busy in alone.busy) == 1
    assert max(busy for _, busy in together.busy) == 4
    assert together.ledger.spent / 4 <= together.clock() < 0.4 * alone.clock()
    assert len(together.ledger.trials) == len(alone.ledger.trials) == 12
    assert together.ledger.redone == 0


def test_a_free_slot_gets_work_while_another_is_slow(tmp_path: Path) -> None:
    """What is done first is taken back first, whoever was handed out first."""
    fixed = {"slow_start": True}
    played = Played(tmp_path / "q", slots=2, trainer=Timed, study=quadratic_study(fixed=fixed, search={"trials": 2}))
    played.play()
    reached = [one.trial for one in played.ledger.decisions if one.kind == "reach"]
    assert reached[:2] == [0, 1]
    assert [moment for moment, _ in played.busy if moment] == sorted(moment for moment, _ in played.busy if moment)


def test_results_due_together_are_all_known_before_work_is_asked_for(tmp_path: Path) -> None:
    """Twelve trials that begin and end together are compared all twelve."""
    study = quadratic_study(search={"trials": 12, "protect": []})
    played = Played(tmp_path / "q", slots=12, study=study)
    played.play()
    first = next(one for one in played.ledger.decisions if one.kind == "promote")
    assert "of 12 at rung 0" in first.reason


def test_played_twice_it_decides_the_same(tmp_path: Path) -> None:
    """Four slots repeat themselves, reasons included."""
    first, second = Played(tmp_path / "a", slots=4), Played(tmp_path / "b", slots=4)
    for played in (first, second):
        played.play()
    assert reasons(first.ledger) == reasons(second.ledger)


def test_where_seed_epochs_are_limited_slots_change_no_choice(tmp_path: Path) -> None:
    """With fifty planned trials or fewer sixteen slots try, promote, race and recommend what one does, only sooner."""
    study = quadratic_study(
        seeds=[1, 2, 3, 4, 5],
        rungs=[{"epochs": 2, "seeds": 1}, {"epochs": 6, "seeds": 1}, {"epochs": 6, "seeds": 3}],
        search={"method": "tpe", "seed": 3},
        budget={"seed_epochs": 240},
    )
    alone, together = Played(tmp_path / "one", slots=1, study=study), Played(tmp_path / "many", slots=16, study=study)
    for played in (alone, together):
        played.play()
        played.optimizer.finish()

    def chosen(played: Played) -> tuple[list[Any], set[Any], int | None]:
        trials = played.ledger.trials
        best = incumbent(standings(played.ledger, frozenset()))
        parameters = [trial.parameters for trial in trials]
        return parameters, {(trial.number, trial.rung, trial.seeds) for trial in trials}, best and best.number

    assert {"promote", "race"} <= {decision.kind for decision in alone.ledger.decisions}
    assert max(busy for _, busy in together.busy) > 4
    assert together.clock() < 0.9 * alone.clock()
    assert chosen(together) == chosen(alone)


def test_a_wall_clock_budget_is_virtual(tmp_path: Path) -> None:
    """The budget ends the study after so many virtual seconds, whatever the time on the wall."""
    study = quadratic_study(budget={"wall_clock": 20.0}, search={"trials": 1000})
    played = Played(tmp_path / "q", slots=1, study=study)
    played.play()
    assert 20 <= played.clock() < 40
    assert 1 < len(played.ledger.trials) < 10


def test_a_budget_of_gpu_hours_is_virtual(tmp_path: Path) -> None:
    """Half a GPU for a virtual second per seed-epoch; stopped and continued, the study ends with the same decisions."""
    changes = {"budget": {"gpu_hours": 40 / 3600}, "resources": {"gpus_per_trial": 0.5}, "search": {"trials": 1000}}
    whole, cut = (Played(tmp_path / name, slots=1, study=quadratic_study(**changes)) for name in ("whole", "cut"))
    whole.play()
    assert whole.ledger.gpu_seconds == 0.5 * whole.ledger.spent
    assert 40 <= whole.ledger.gpu_seconds < 60
    cut.stop_after = 30
    cut.play()
    cut.ledger.close("interrupted")
    again = Played(tmp_path / "cut", slots=1, study=quadratic_study(**changes))
    again.play()
    assert reasons(again.ledger) == reasons(whole.ledger)
    assert again.ledger.gpu_seconds == whole.ledger.gpu_seconds


def test_a_stop_saves_every_slot(tmp_path: Path) -> None:
    """Asked to stop, epochs in progress end and are kept; continued, nothing is trained again."""
    played = Played(tmp_path / "q", slots=3)
    played.stop_after = 7
    played.play()
    assert played.optimizer.in_flight == frozenset()
    played.ledger.close("interrupted")
    again = Played(tmp_path / "q", slots=3)
    again.play()
    assert again.ledger.redone == 0
    assert len(again.ledger.trials) == 12


def test_every_trainer_is_closed(tmp_path: Path) -> None:
    """Whatever ends the study, no trainer stays open."""
    played = Played(tmp_path / "q", slots=3, trainer=Open)
    played.play()
    assert Open.count == 0
    broken = Played(tmp_path / "b", slots=3, trainer=Broken)
    with pytest.raises(StudyStopped, match="all died of one cause"):
        broken.play()
