"""The live view."""

import io
import re
from math import inf, nan
from pathlib import Path

import pytest
from rich.console import Console

from tests.fakes.ledgers import BASELINE, Clock, Player, latent_study
from tune.callbacks.forecast import Pace, remaining_seconds, remaining_seed_epochs
from tune.callbacks.progress import Progress
from tune.callbacks.strip import strip
from tune.ledger import Ledger


class Screen:
    """A study, and what is shown of it while it is played."""

    def __init__(self, folder: Path, *, terminal: bool, width: int = 80) -> None:
        self.clock, self.out = Clock(), io.StringIO()
        self.ledger = Ledger.open(latent_study(), folder, clock=self.clock)
        self.player = Player(self.ledger, self.clock, deaths={5: "RuntimeError: [red]no[/red] memory"})
        self.console = Console(
            file=self.out,
            width=width,
            height=24,
            force_terminal=terminal,
            color_system="standard" if terminal else None,
        )
        self.progress = Progress(self.ledger, lambda: self.player.optimizer.in_flight, self.console, self.clock)

    def frame(self) -> str:
        """The view as it stands now, without control characters."""
        out = io.StringIO()
        Console(file=out, width=self.console.width).print(self.progress.view())
        return out.getvalue()


def test_on_a_pipe_each_decision_is_one_plain_line(tmp_path: Path) -> None:
    """No control characters, nothing wrapped, nothing told twice, markup shown as it is."""
    screen = Screen(tmp_path / "s", terminal=False)
    screen.progress.start()
    screen.player.play(after_each=screen.progress.refresh)
    screen.player.optimizer.finish()
    screen.progress.note("The study is over.")
    screen.progress.stop()
    lines = screen.out.getvalue().splitlines()
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", screen.out.getvalue())
    decided = [decision for decision in screen.ledger.decisions if decision.trial is not None]
    assert len(lines) == len(decided) + 1
    assert lines[0].startswith("trial 0 started: learning_rate ")
    assert "trial 5 died: RuntimeError: [red]no[/red] memory" in lines
    promoted = next(decision for decision in decided if decision.kind == "promote")
    assert f"trial {promoted.trial} {promoted.reason}" in lines
    assert "The study is over." in lines


def test_what_was_decided_before_is_not_told_again(tmp_path: Path) -> None:
    """A study that is continued begins with its next decision."""
    screen = Screen(tmp_path / "s", terminal=False)
    screen.player.play(units=3)
    screen.progress.start()
    screen.progress.refresh()
    assert not screen.out.getvalue()


def test_live_view_fits_80_columns_and_24_lines(tmp_path: Path) -> None:
    """At every moment of a study: no line is wider, and the whole is never higher."""
    screen = Screen(tmp_path / "s", terminal=True)
    screen.progress.start()

    def look() -> None:
        screen.progress.refresh()
        lines = screen.frame().splitlines()
        assert max(map(len, lines)) <= 80
        assert len(lines) < 24

    screen.player.play(after_each=look)
    screen.progress.stop()


def test_live_view_says_what_the_ledger_says(tmp_path: Path) -> None:
    """States, rungs, seed-epochs, incumbent and the newest decisions, as they stand."""
    screen = Screen(tmp_path / "s", terminal=True)
    screen.progress.start()
    screen.player.play()
    screen.clock.sleep(1)
    screen.progress.refresh()
    shown = screen.frame()
    screen.progress.stop()
    assert "trials    18 of 18: 13 paused, 4 confirmed, 1 failed" in shown
    assert "rungs     2 x 2: 17,  4 x 3: 8,  8 x 5: 4" in shown
    assert f"trained   {screen.ledger.spent} seed-epochs" in shown
    assert "best      trial 9, confirmed: score 0.02884" in shown
    assert screen.ledger.decisions[-1].reason in shown


def test_time_left_is_unknown_before_anything_was_trained(tmp_path: Path) -> None:
    """A dash, not a guess; an estimate once there is a rate."""
    screen = Screen(tmp_path / "s", terminal=True)
    screen.progress.start()
    assert "0:00:00 elapsed, – left" in screen.frame()
    screen.player.play(units=2)
    screen.progress.refresh()
    assert re.search(r"elapsed, about \d:\d\d:\d\d left", screen.frame())
    screen.progress.stop()


def test_time_goes_on_between_refreshes(tmp_path: Path) -> None:
    """While an epoch is long the elapsed time is right, and what is left gets less."""
    screen = Screen(tmp_path / "s", terminal=True)
    screen.progress.start()
    screen.player.play(units=2)
    screen.progress.refresh()
    before = screen.frame()
    screen.clock.sleep(3)
    after = screen.frame()
    screen.progress.stop()
    titles = [shown.splitlines()[0] for shown in (before, after)]
    seconds = [[int(part) for part in re.findall(r"\d:\d\d:(\d\d)", title)] for title in titles]
    assert seconds[1] == [seconds[0][0] + 3, seconds[0][1] - 3]


def test_calls_that_follow_too_soon_do_nothing(tmp_path: Path) -> None:
    """A thousand reports in one moment cost one look at the ledger."""
    screen = Screen(tmp_path / "s", terminal=True)
    screen.progress.start()
    screen.progress.refresh()
    calls = 0

    def in_flight() -> frozenset[int]:
        nonlocal calls
        calls += 1
        return frozenset()

    screen.progress = Progress(screen.ledger, in_flight, screen.console, screen.clock)
    screen.progress.start()
    for _ in range(1000):
        screen.progress.refresh()
    assert calls == 1
    screen.clock.sleep(0.3)
    screen.progress.refresh()
    assert calls == 2
    screen.progress.stop()


@pytest.mark.parametrize(
    ("losses", "baseline", "picture"),
    [
        # the scale has a margin of 8 % at both sides
        ([1.0, 2.0], 3.0, "0.84 ──o──────────o──────────|── 3.16"),
        ([1.0, 1.0, 2.0], 3.0, "0.84 ──2──────────o──────────|── 3.16"),
        ([1.0, 3.0], 3.0, "0.84 ──o─────────────────────x── 3.16"),
        ([1.0, 99.0], 3.0, "0.84 ──o─────────────────────|─x 3.16"),
        ([1.0, nan], 3.0, "0.84 ──o─────────────────────|─x 3.16"),
        ([1.0, 2.0], inf, "0.92 ──o─────────────────────o── 2.08"),
        ([nan, inf], inf, "0 ─────────────────────────────x 1"),
    ],
)
def test_strip_draws_each_seed(losses: list[float], baseline: float, picture: str) -> None:
    """Marks stand at their loss, several in one place as a figure, failed seeds as crosses, the baseline as a bar."""
    drawn = strip(losses, baseline, len(picture), ascii_only=True).plain
    assert drawn.replace("-", "─") == picture


def test_failed_seeds_are_red() -> None:
    """Colour says it too, where there is colour."""
    drawn = strip([0.02, 0.5], BASELINE, 40)
    (span,) = [span for span in drawn.spans if "red" in str(span.style)]
    assert drawn.plain[span.start : span.end] == "×"


def test_remaining_work_is_what_the_ladder_asks_for(tmp_path: Path) -> None:
    """18 trials, every second climbs: 18 x 4 + 9 x (12 - 4) + 4 x (40 - 12) seed-epochs; at the end nothing is left."""
    clock = Clock()
    ledger = Ledger.open(latent_study(), tmp_path / "s", clock=clock)
    assert remaining_seed_epochs(ledger) == 18 * 4 + 9 * 8 + 4 * 28
    player = Player(ledger, clock)
    player.play(units=1)
    assert remaining_seed_epochs(ledger) == 17 * 4 + 9 * 8 + 4 * 28
    player.play(units=17)  # nine with batch norm and nine without have started, of each of which four climb
    assert remaining_seed_epochs(ledger) == 8 * 8 + 4 * 28
    player.play()
    assert remaining_seed_epochs(ledger) == 0


def test_budgets_cap_what_remains(tmp_path: Path) -> None:
    """Neither more seed-epochs nor more time than the study may still spend."""
    study = latent_study(budget={"seed_epochs": 50, "wall_clock": 20})
    ledger = Ledger.open(study, tmp_path / "s", clock=Clock())
    assert remaining_seed_epochs(ledger) == 50
    assert remaining_seconds(ledger, rate=10.0) == 5.0
    assert remaining_seconds(ledger, rate=1.0) == 20.0
    assert remaining_seconds(ledger, rate=None) is None


def test_gpu_hours_cap_what_remains_at_what_a_seed_epoch_took(tmp_path: Path) -> None:
    """One seed-epoch took 10 GPU-seconds, so 100 are enough for nine more; before any was trained nothing is known."""
    study = latent_study(budget={"gpu_hours": 100 / 3600}, resources={"gpus_per_trial": 1})
    ledger = Ledger.open(study, tmp_path / "s", clock=Clock())
    whole = remaining_seed_epochs(ledger)
    assert Player(ledger, Clock()).optimizer.next_work() is not None
    ledger.record(0, (1,), 1, {"validation_loss": [0.03]}, held_s=10.0)
    assert (whole, remaining_seed_epochs(ledger)) == (18 * 4 + 9 * 8 + 4 * 28, 9)


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
