"""The live view."""

import io
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, ConsoleDimensions

from tests.fakes.clock import Clock
from tests.fakes.ledgers import Player, latent_study
from tune.ledger.cluster_state import ClusterState, NodeState
from tune.ledger.ledger import Ledger
from tune.scoring.standings import standings
from tune.views.live.counts import TrialCounts
from tune.views.live.forecast import remaining_seed_epochs
from tune.views.live.load import Load, Loads
from tune.views.live.progress import Progress
from tune.views.live.screen import _gpus


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
    screen.clock.sleep(3600)
    screen.progress.refresh()
    shown = screen.frame()
    screen.progress.stop()
    assert "trials    18 of 18: 13 paused, 4 confirmed, 1 failed" in shown
    assert "rungs     2 x 2: 17,  4 x 3: 8,  8 x 5: 4" in shown
    assert f"trained   {screen.ledger.spent} seed-epochs" in shown
    assert "best      trial 9, confirmed: learning_rate 0.00134, " in shown
    ranked = standings(screen.ledger, frozenset())
    rows = re.findall(r"^ +(\d+) +(top|\d) +([\d.]+) +(\d/\d)  ", shown, re.MULTILINE)
    assert [int(number) for number, *_ in rows] == [one.number for one in ranked[: len(rows)]]
    assert rows[0][1:] == ("top", f"{ranked[0].score:.4g}", "0/5")
    assert screen.ledger.decisions[-1].reason in shown


def test_time_left_is_unknown_before_anything_was_trained(tmp_path: Path) -> None:
    """Said so, not guessed; an estimate once there is a rate."""
    screen = Screen(tmp_path / "s", terminal=True)
    screen.progress.start()
    assert "0:00:00 elapsed, time left unknown" in screen.frame()
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
    taken = screen.progress._shown
    for _ in range(1000):
        screen.progress.refresh()
    assert screen.progress._shown is taken
    screen.clock.sleep(0.6)
    screen.progress.refresh()
    assert screen.progress._shown is not taken
    screen.progress.stop()


def test_time_left_is_a_range_where_the_pace_varies(tmp_path: Path) -> None:
    """From the faster to the slower quarter of the stretches."""
    screen = Screen(tmp_path / "s", terminal=True)
    screen.progress.start()
    screen.player.play(units=26, after_each=screen.progress.refresh)  # two seeds a second, then three
    times = re.search(r"elapsed, (\d:\d\d:\d\d) to (\d:\d\d:\d\d) left", screen.frame())
    screen.progress.stop()
    assert times is not None
    assert times[1] < times[2]


@pytest.mark.parametrize("halving", ["promote", "stop"])
def test_a_tally_that_was_kept_up_says_what_the_trials_say(tmp_path: Path, halving: str) -> None:
    """After every unit of a study with failures, deaths and a race, the counts and the best are those of all trials."""
    search = {"method": "random", "trials": 24, "seed": 90, "reduction_factor": 2, "halving": halving}
    study = latent_study(search=search, seeds=[1, 12, 123, 1234, 12345, 6, 7])
    clock = Clock()
    ledger = Ledger.open(study, tmp_path / "s", clock=clock)
    counted = TrialCounts(ledger)
    player = Player(ledger, clock, deaths={3: "it died", 9: "it died as well"})

    def compare() -> None:
        running = player.optimizer.in_flight
        counted.follow()
        ranked = standings(ledger, running)
        counts = Counter(one.state for one in ranked)
        assert +counted.counts(running) == counts
        assert counted.reached == [sum(rung in one.reached for one in ledger.trials) for rung in range(3)]
        assert counted.entered == [sum(one.rung >= rung for one in ledger.trials) for rung in range(3)]
        assert counted.open == {one.number for one in ledger.trials if one.open}
        alive = [one for one in ranked if one.rung is not None and one.state != "failed"]
        assert [one.number for one in counted.leaders(5, running)] == [one.number for one in alive[:5]]
        assert remaining_seed_epochs(counted) == remaining_seed_epochs(TrialCounts(ledger))

    player.play(after_each=compare)
    player.optimizer.finish()
    compare()
    ledger.close("finished")


def test_a_low_window_shows_the_most_important_lines(tmp_path: Path) -> None:
    """However low and narrow it is, the view fits, and begins with the study and its time."""
    screen = Screen(tmp_path / "s", terminal=True)
    screen.progress.start()
    screen.player.play()
    screen.clock.sleep(1)
    screen.progress.refresh()
    for width, height in [(80, 24), (40, 8), (20, 3), (120, 60), (79, 13)]:
        screen.console.size = ConsoleDimensions(width, height)
        lines = screen.frame().splitlines()
        assert max(map(len, lines)) <= width
        assert len(lines) <= max(2, height - 1)
        assert lines[0].startswith("batch-norm  100%")
    screen.progress.stop()


def test_a_dumb_terminal_gets_plain_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the cursor cannot be moved each decision is a line, as on a pipe."""
    monkeypatch.setenv("TERM", "dumb")
    screen = Screen(tmp_path / "s", terminal=True)
    screen.progress.start()
    screen.player.play(units=2, after_each=screen.progress.refresh)
    screen.progress.stop()
    assert screen.out.getvalue().startswith("trial 0 started: ")
    assert "\x1b" not in screen.out.getvalue()


def test_nothing_but_ascii_where_the_terminal_has_nothing_else(tmp_path: Path) -> None:
    """Marks, bar and ellipses are spelt with what there is."""
    screen = Screen(tmp_path / "s", terminal=True)
    raw = io.BytesIO()
    screen.progress._console = Console(
        file=io.TextIOWrapper(raw, encoding="ascii"), width=80, height=30, force_terminal=True
    )
    screen.progress.start()
    screen.player.play(after_each=screen.progress.refresh)
    screen.progress.stop()
    assert b"validation_loss" in raw.getvalue()
    assert raw.getvalue().isascii()


def test_gpus_are_told_as_nvml_and_the_driver_see_them() -> None:
    """Held GPUs of all nodes, load and memory of this machine's; what is not known is left out."""
    here = Load(utilisation=0.874, used_bytes=31_000_000_000, total_bytes=80_000_000_000)
    assert _gpus(here) == "87% busy, 31 GB of 80 GB in use"
    assert _gpus(Load(slots=4, gpus=(4.0, 3.0))) == "3 of 4 held"
    assert _gpus(replace(here, gpus=(4.0, 3.0))) == "3 of 4 held; here: 87% busy, 31 GB of 80 GB in use"
    assert not _gpus(Load())


def test_loads_ask_nvml_and_read_what_the_driver_said(tmp_path: Path, nvml: pytest.MonkeyPatch) -> None:
    """Two GPUs, of which the process may use one; slots and GPUs of the cluster are those of driver.json."""
    clock = Clock()
    ledger = Ledger.open(latent_study(), tmp_path / "s", clock=clock, detail={"driver": "inline"})
    two = {"gpus": 2, "total": 800, "own": 100, "others": 50, "busy": 40}
    nvml.setenv("FAKE_NVML", json.dumps(two))
    nvml.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert Loads(ledger, clock).now() == Load(slots=1, utilisation=0.4, used_bytes=150, total_bytes=800)
    nvml.delenv("CUDA_VISIBLE_DEVICES")
    loads = Loads(ledger, clock)
    assert loads.now() == Load(slots=1, utilisation=0.4, used_bytes=300, total_bytes=1600)
    node = NodeState(address="10.0.0.1", total={"CPU": 8, "GPU": 4}, free={"CPU": 2, "GPU": 1})
    ClusterState(written=clock(), asked={"GPU": 1}, slots=4, nodes=(node,), training=(), waiting=()).write(
        ledger.folder
    )
    clock.sleep(1)
    assert loads.now().slots == 1  # not looked at again so soon
    clock.sleep(5)
    assert (loads.now().slots, loads.now().gpus) == (4, (4.0, 3.0))
    nvml.setenv("FAKE_NVML", json.dumps({**two, "lost": True}))
    clock.sleep(5)
    assert loads.now() == Load(slots=4, gpus=(4.0, 3.0))
    ledger.close("interrupted")
