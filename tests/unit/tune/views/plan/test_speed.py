"""How fast the arms of a round train, and how they are shown where there is little room."""

from pathlib import Path

from rich.console import Console

from tests.fakes.bench import Bench
from tests.fakes.clock import Clock
from tests.fakes.plans import plan_study
from tune.ledger.reader import LedgerReader
from tune.optimizer.work import Work
from tune.views import wording
from tune.views.plan.rounds import RoundResult, rounds_of
from tune.views.plan.speed import faster_sentence, speed_table, speeds_of
from tune.views.plan.tables import arms_table
from tune.views.results import Results, gather
from tune.views.terminal.rounds import fitting_table


class Timed(Bench):
    """Says how long epochs last: the first a minute, those of x = 0.3 a second, all others four."""

    def do(self, work: Work) -> None:
        """Trains, with times."""
        for epoch in range(work.from_epoch + 1, work.to_epoch + 1):
            lasts = 60.0 if epoch == 1 else 1.0 if work.configuration["x"] == 0.3 else 4.0
            near = (work.configuration["x"] - 0.3) ** 2
            rows = {
                "validation_loss": [near + seed / 1000 for seed in work.seeds],
                "seconds": [lasts] * len(work.seeds),
            }
            self.ledger.record(work.trial, work.seeds, epoch, rows)
        self.ledger.saved(work.trial, work.seeds, work.to_epoch)
        self.optimizer.complete(work)


def _played(folder: Path, **plan: object) -> tuple[Results, RoundResult]:
    bench = Timed(folder, plan_study(plan=plan))
    bench.run()
    results = gather(LedgerReader.read(folder, clock=Clock()))
    return results, rounds_of(results.ledger, results.ranked, results.seconds)[0]


def test_an_arm_is_as_fast_as_its_usual_epoch(tmp_path: Path) -> None:
    """The first epoch, in which a trainer compiles, stands by itself and is not in the ratio."""
    results, of = _played(tmp_path / "p", a={"grid": {"x": [0.9, 0.3]}})
    speeds = speeds_of(results, of)
    assert [(one.first_s, one.epoch_s) for one in speeds] == [(60.0, 4.0), (60.0, 1.0)]
    assert speeds[1].ratio == 4.0
    cells = speed_table(speeds)
    assert list(cells.headings) == ["arm", "first epoch, s", "epoch, s", "as fast as the base"]
    assert cells.rows[1][-1] == "4 (4 to 4)"
    assert faster_sentence(of, speeds).startswith("Faster than the base of a: x=0.3")


def test_epochs_are_a_factor_like_any_other(tmp_path: Path) -> None:
    """Arms of other epochs are set against the base's settings at as many epochs, and the grid is taken apart."""
    _, of = _played(tmp_path / "p", a={"grid": {"x": [0.9, 0.5], "epochs": [3, 5]}})
    by_name = {row.arm.name: row for row in of.rows}
    assert by_name["x=0.9,epochs=5"].why_not == "5 epochs, the base 3"
    effect = by_name["x=0.5,epochs=5"].effect
    assert effect is not None
    assert round(effect.mean, 6) == round(0.6**2 - 0.2**2, 6)
    assert of.factors is not None
    assert set(of.factors.levels) == {"x", "epochs"}


def test_names_stand_above_where_there_is_no_room_beside(tmp_path: Path) -> None:
    """At 60 columns each name is whole and on a line of its own; no line is wider than the console."""
    _, of = _played(tmp_path / "p", a={"grid": {"x": [0.9, 0.3], "width": [4, 8]}})
    console = Console(width=60, record=True)
    console.print(fitting_table("Arms", arms_table(of), console), highlight=False)
    lines = [line.rstrip() for line in console.export_text().splitlines()]
    assert "x=0.3, width=8" in lines
    assert max(map(len, lines)) <= 60


def test_names_are_broken_after_commas_and_slashes() -> None:
    """Never within a value."""
    assert wording.folded("optimizer/learning_rate=0.0045,warmup=0.03", 24) == (
        "optimizer/\nlearning_rate=0.0045,\nwarmup=0.03"
    )
    assert wording.folded("hybrid/fast", 24) == "hybrid/fast"
