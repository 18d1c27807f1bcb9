"""How long a study will still take."""

import io
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from tests.fakes.clock import Clock
from tests.fakes.ledgers import Player, latent_study
from tune.ledger.ledger import Ledger
from tune.views.live.counts import TrialCounts
from tune.views.live.forecast import Pace, remaining_seconds, remaining_seed_epochs
from tune.views.live.load import Load
from tune.views.live.screen import Moment, draw
from tune.views.live.snapshot import Snapshots


def test_remaining_work_is_what_the_ladder_asks_for(tmp_path: Path) -> None:
    """18 trials, every second climbs: 18 x 4 + 9 x (12 - 4) + 4 x (40 - 12) seed-epochs; at the end nothing is left."""
    clock = Clock()
    ledger = Ledger.open(latent_study(), tmp_path / "s", clock=clock)
    assert remaining_seed_epochs(TrialCounts(ledger)) == 18 * 4 + 9 * 8 + 4 * 28
    player = Player(ledger, clock)
    player.play(units=1)
    assert remaining_seed_epochs(TrialCounts(ledger)) == 17 * 4 + 9 * 8 + 4 * 28
    player.play(units=17)  # nine with batch norm and nine without have started, of each of which four climb
    assert remaining_seed_epochs(TrialCounts(ledger)) == 8 * 8 + 4 * 28
    player.play()
    assert remaining_seed_epochs(TrialCounts(ledger)) == 0


def test_budgets_cap_what_remains(tmp_path: Path) -> None:
    """Neither more seed-epochs nor more time than the study may still spend."""
    study = latent_study(budget={"seed_epochs": 50, "wall_clock": 20})
    ledger = Ledger.open(study, tmp_path / "s", clock=Clock())
    assert remaining_seed_epochs(TrialCounts(ledger)) == 50
    assert remaining_seconds(ledger, 50, rate=10.0) == 5.0
    assert remaining_seconds(ledger, 50, rate=1.0) == 20.0
    assert remaining_seconds(ledger, 50, rate=None) is None


def test_gpu_hours_cap_what_remains_at_what_a_seed_epoch_took(tmp_path: Path) -> None:
    """One seed-epoch took 10 GPU-seconds, so 100 are enough for nine more; before any was trained nothing is known."""
    study = latent_study(budget={"gpu_hours": 100 / 3600}, resources={"gpus_per_trial": 1})
    ledger = Ledger.open(study, tmp_path / "s", clock=Clock())
    whole = remaining_seed_epochs(TrialCounts(ledger))
    assert Player(ledger, Clock()).optimizer.next_work() is not None
    ledger.record(0, (1,), 1, {"validation_loss": [0.03]}, held_s=10.0)
    assert (whole, remaining_seed_epochs(TrialCounts(ledger))) == (18 * 4 + 9 * 8 + 4 * 28, 9)


def test_money_caps_what_remains_as_the_hours_that_it_pays_for(tmp_path: Path) -> None:
    """A hundred GPU-seconds at one each, of which a seed-epoch took ten; the live view says what of them is used."""
    budget = {"money": 100, "price_per_gpu_hour": 3600}
    study = latent_study(budget=budget, resources={"gpus_per_trial": 1})
    clock = Clock()
    ledger = Ledger.open(study, tmp_path / "s", clock=clock)
    assert Player(ledger, clock).optimizer.next_work() is not None
    ledger.record(0, (1,), 1, {"validation_loss": [0.03]}, held_s=10.0)
    assert remaining_seed_epochs(TrialCounts(ledger)) == 9
    shown = Snapshots(ledger, frozenset, clock).take()
    assert shown.money == pytest.approx(10)
    out = io.StringIO()
    console = Console(file=out, width=160, height=30)
    console.print(draw(shown, Moment(Counter(), frozenset(), Load(), 1.0), console))
    assert "10.00 of 100.00 in money" in out.getvalue()


def test_pace_is_that_of_the_last_minute() -> None:
    """A slow beginning is forgotten."""
    pace = Pace()
    assert pace.rate() is None
    pace.add(0.0, 0)
    pace.add(100.0, 10)
    assert pace.rate() == 0.1
    for second in range(101, 200):
        pace.add(float(second), 10 + (second - 100) * 2)
    assert pace.rate() == 2.0


def test_spread_of_the_pace_is_that_of_its_stretches() -> None:
    """Stretches of five seconds at one, two, three and four seed-epochs a second: half of them lie in 1.75 to 3.25."""
    pace, spent = Pace(), 0
    pace.add(0.0, 0)
    for second in range(1, 21):
        assert pace.spread() is None
        spent += 1 + (second - 1) // 5
        pace.add(float(second), spent)
    assert pace.spread() == (1.75, 3.25)
    assert pace.rate() == 2.5
