"""The answer, as a command prints it at its end."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from tests.fakes.clock import Clock
from tests.fakes.ledgers import Player, latent_study
from tune.ledger.ledger import Ledger
from tune.views import wording
from tune.views.results import gather
from tune.views.terminal.summary import print_summary


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_summary_fits_the_terminal(ledger: Ledger, width: int) -> None:
    """No line is wider than the console, no number is cut, and the winner's score is there."""
    shown = _summary(ledger, width)
    assert max(map(len, shown.splitlines())) <= width
    assert "…" not in shown
    best = gather(ledger).best
    assert best is not None
    assert wording.number(best.score) in shown


def test_summary_at_80_columns_keeps_each_parameter_in_a_column_of_its_own(ledger: Ledger) -> None:
    """Four parameters, score, spread, CV, failed seeds and reproducibility stand side by side."""
    heading = next(line for line in _summary(ledger, 80).splitlines() if line.startswith("trial "))
    assert " ".join(heading.split()) == "trial rate size dims norm score mean ± sd CV failed R rung"


def test_summary_is_plain_when_piped(ledger: Ledger) -> None:
    """Nothing but text: no escape sequence, and markup in a cause of death is shown as it is."""
    shown = _summary(ledger, 120)
    assert "\x1b" not in shown
    assert "[red]no[/red]" in shown


def test_summary_names_trials_that_one_seed_flatters(ledger: Ledger) -> None:
    """They are named with the seed that would have chosen them, both losses, and the seeds on which they fail."""
    (luck,) = gather(ledger).lucky
    shown = " ".join(_summary(ledger, 100).split())
    assert f"a sweep with seed {luck.seed} alone would have preferred it" in shown
    assert f"{wording.number(luck.loss)} against {wording.number(luck.incumbent_loss)}" in shown
    assert f"but it fails on {wording.seeds(luck.failed)}." in shown


def test_summary_says_plainly_when_nothing_was_confirmed(tmp_path: Path) -> None:
    """An incumbent of a lower rung is called provisional."""
    clock = Clock()
    ledger = Ledger.open(latent_study(), tmp_path / "s", clock=clock)
    assert "nothing to recommend" in _summary(ledger, 80)
    Player(ledger, clock).play(units=1)
    assert "No trial was confirmed on the full ladder." in _summary(ledger, 80)


def test_summary_says_what_failures_cost(tmp_path: Path) -> None:
    """In one line after the cost, and not a word where nothing was lost."""
    clock = Clock()
    ledger = Ledger.open(latent_study(), tmp_path / "s", clock=clock)
    player = Player(ledger, clock)
    work = player.optimizer.next_work()
    assert work is not None
    player.train(work, epochs=1)
    assert "Lost to failures" not in _summary(ledger, 80)
    player.train(work, epochs=1)
    said = " ".join(_summary(ledger, 80).split())
    assert "Lost to failures and work done again: 50.0% of the training time (2 seed-epochs, 0.5 s of training)" in said


def _summary(ledger: Ledger, width: int) -> str:
    out = io.StringIO()
    print_summary(gather(ledger), Console(file=out, width=width))
    return out.getvalue()
