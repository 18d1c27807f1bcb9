"""The report and the winner's file."""

import re
from collections.abc import Mapping
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fakes.clock import Clock
from tests.fakes.ledgers import Player, latent_study, played
from tune.ledger.ledger import Ledger
from tune.scoring.collapse import Spectrum, as_columns
from tune.study.space import Choice, IntRange, LogUniform, Parameter, Uniform
from tune.views.report.caveats import caveats, edge
from tune.views.report.markdown import code_block, escape, table
from tune.views.report.page import write_best, write_report
from tune.views.results import gather, leaderboard
from tune.views.runs import Features
from tune.views.tables.frames import trials_frame


def test_report_begins_with_the_answer(ledger: Ledger) -> None:
    """The first paragraph names the setting, the expected loss with its spread, and the failure rate."""
    best = gather(ledger).best
    assert best is not None
    assert best.summary is not None
    paragraph = write_report(gather(ledger)).read_text().split("\n\n")[1]
    assert paragraph.startswith("Use learning_rate ")
    assert f"trial {best.number}, the best of 4 confirmed trials" in paragraph
    assert f"Expect validation_loss {best.summary.mean:.5f} ± {best.summary.sd:.5f} over 5 seeds" in paragraph
    assert "0 of 5 seeds failed (failure rate 0%, 95% interval 0 to 43%)" in paragraph


def test_numbers_of_the_report_are_those_of_the_ledger(ledger: Ledger) -> None:
    """Every row of the leaderboard and every loss by seed can be read back from the page."""
    text = write_report(gather(ledger)).read_text()
    board = _rows(text, "Leaderboard")
    for row, cells in zip(leaderboard(gather(ledger)), board, strict=True):
        assert cells["trial"] == str(row.number)
        assert cells["state"] == row.state
        assert cells["epochs"] == str(row.epochs)
        if row.summary is not None:
            assert float(cells["score"]) == pytest.approx(row.score, rel=1e-3)
            assert cells["failed"] == f"{row.summary.failed}/{row.summary.seeds}"
            assert float(cells["learning_rate"]) == pytest.approx(row.parameters["learning_rate"], rel=5e-3)
    for cells in _rows(text, "validation_loss by seed"):
        last = ledger.trials[int(cells["trial"])].last
        assert last is not None
        for seed, loss in last.losses.items():
            assert float(cells[f"seed {seed}"].removesuffix(" (failed)")) == pytest.approx(loss, rel=1e-3)


def test_report_can_be_written_again(ledger: Ledger) -> None:
    """The same ledger makes the same page, and nothing else is left in the folder."""
    first = write_report(gather(ledger)).read_text()
    assert write_report(gather(ledger)).read_text() == first
    assert not list(ledger.folder.glob(".*.tmp"))


def test_values_cannot_break_a_table(tmp_path: Path) -> None:
    """A parameter value with bars, backticks or line ends stays in its cell, in tables and code blocks alike."""
    nasty = ["a|b", "```\n# no", "<b>*x*</b>", "_y_"]
    study = latent_study(space={"mode": {"choice": nasty}}, search={"method": "grid"})
    text = write_report(gather(played(tmp_path / "s", study))).read_text()
    rows = _rows(text, "Leaderboard")
    assert {cells["mode"] for cells in rows} == {value.replace("\n", "\\n") for value in nasty}
    assert [line for line in text.splitlines() if line.startswith("# ")] == ["# batch-norm"]


def test_report_of_a_study_without_results(tmp_path: Path) -> None:
    """It says that there is nothing to recommend, and makes no winner's file."""
    ledger = Ledger.open(latent_study(), tmp_path / "s", clock=Clock())
    assert "nothing to recommend" in write_report(gather(ledger)).read_text()
    assert write_best(gather(ledger)) is None
    assert not (tmp_path / "s" / "best.yaml").exists()
    ledger.close("interrupted")


def test_report_names_the_lucky_and_the_dead(ledger: Ledger) -> None:
    """What one seed would have preferred, and what trials died of, have sections of their own."""
    text = write_report(gather(ledger)).read_text()
    (luck,) = gather(ledger).lucky
    assert f"- Trial {luck.standing.number} " in text.split("## What one seed would have preferred")[1]
    (death,) = _rows(text, "What went wrong")
    assert death == {
        "class": "crashed",
        "cause": "ValueError: a | b",
        "deaths": "2",
        "trials": "5",
        "log": "logs/trial-5.log",
    }


def test_best_is_the_winner_in_full(ledger: Ledger) -> None:
    """The file holds exactly what training the winner again needs, floats to the last digit."""
    best = gather(ledger).best
    assert best is not None
    path = write_best(gather(ledger))
    assert path == ledger.folder / "best.yaml"
    text = path.read_text()
    assert yaml.safe_load(text) == {
        "name": f"batch-norm-trial-{best.number}",
        "trainer": ledger.study.trainer,
        "recording": {"simulate": {}},
        "config": {"hidden_units": 64, **best.trial.parameters},
        "seeds": [1, 12, 123, 1234, 12345],
        "epochs": 8,
        "metric": "validation_loss",
    }
    assert text.startswith(f"# Trial {best.number} of the study batch-norm: confirmed, score {best.score:.6g}")


def test_caveats_are_computed(tmp_path: Path) -> None:
    """A winner at the edge, seen on few seeds, without a baseline for its metric: each is said, with its figures."""
    study = latent_study(
        space={"batch_size": {"choice": [16, 64, 256]}},
        search={"method": "grid"},
        rungs=[{"epochs": 2, "seeds": 3}],
        confirm={"seeds": 3},
        score={"metric": "train_loss"},
    )
    found = "\n".join(caveats(gather(played(tmp_path / "s", study, loss=_small_batches))))
    assert "batch_size = 16 lies at the lower end of what was searched" in found
    assert "rests on 3 seeds: the failure rate could be as high as 56%" in found
    assert "no baseline for train_loss" in found
    assert "not confirmed" not in found
    assert "tied" not in found


def test_caveats_name_the_tied_and_the_unconfirmed(ledger: Ledger) -> None:
    """Trials within the noise of the winner are listed; so is how many never saw the full ladder."""
    found = "\n".join(caveats(gather(ledger)))
    assert re.search(r"tied with trials? \d+", found)
    assert "14 of 18 trials were not confirmed on the full ladder" in found


def test_collapsed_features_are_told_by_trial(tmp_path: Path) -> None:
    """In the table of trials and as a caveat, with the winner named where it is among them; each seed by its last."""
    clock, study = Clock(), latent_study(search={"trials": 3, "method": "random"})
    ledger = Ledger.open(study, tmp_path / "s", clock=clock)
    player = Player(ledger, clock)
    player.play()
    best = gather(ledger).best
    assert best is not None
    assert not any("collapsed" in line for line in caveats(gather(ledger)))
    for number in (best.number, other := (best.number + 1) % 3):
        for epoch, share in ((1, 0.01), (2, 0.05 if number == best.number else 0.5)):
            spectra = [Spectrum(40, share * 40, 1.5, 0.25, 100), Spectrum(40, 20.0, 0.5, 0.75, 100)]
            ledger.record(number, study.seeds[:2], epoch, as_columns(spectra), evaluation="done")
    results = gather(ledger)
    assert results.features == {
        best.number: Features(11.0, 0.275, 1.0, 0.5, seeds=2, collapsed=1),
        other: Features(20.0, 0.5, 1.0, 0.5, seeds=2, collapsed=0),
    }
    (said,) = [line for line in caveats(results) if "collapsed" in line]
    assert said.startswith(
        "Features have collapsed in 1 of 2 trials: the effective rank is below 10% of the dimensions"
    )
    assert f"in at least one seed of trial {best.number}. The winner is among them, with 1 of 2 seeds: " in said
    text = write_report(results).read_text()
    assert "| effective rank |" in text
    assert "| 11.0 (28%), 1/2 collapsed |" in text or "| 11 (28%), 1/2 collapsed |" in text
    assert trials_frame(results).set_index("trial").loc[other, "effective_rank_share"] == 0.5


@pytest.mark.parametrize(
    ("parameter", "value", "side"),
    [
        (LogUniform(log_uniform=[1e-4, 1e-2]), 1.1e-4, "lower"),
        (LogUniform(log_uniform=[1e-4, 1e-2]), 1e-3, None),
        (Uniform(uniform=[0, 1]), 0.96, "upper"),
        (Uniform(uniform=[0, 1]), 0.9, None),
        (IntRange(int=[4, 64], log=True), 64, "upper"),
        (Choice(choice=[16, 64, 256]), 256, "upper"),
        (Choice(choice=[16, 64, 256]), 64, None),
        (Choice(choice=[16, 256]), 256, None),
        (Choice(choice=[True, False]), True, None),
        (Choice(choice=["relu", "gelu", "tanh"]), "relu", None),
        (Choice(choice=[1, 2, None]), None, None),
    ],
)
def test_edge_of_a_range(parameter: Parameter, value: object, side: str | None) -> None:
    """The outer 5% of a range, on its own scale, and the ends of three or more numbers are edges."""
    assert edge(parameter, value) == side


def test_escape_leaves_parameter_names_readable() -> None:
    """An underscore inside a word is no markup and stays bare; one at its edge is escaped."""
    assert escape("use_batch_norm = _x_") == r"use_batch_norm = \_x\_"


def test_table_has_one_cell_per_column() -> None:
    """Text columns stand to the left, numbers to the right."""
    assert table(["a", "b"], [["1|2", "x"]], left=("b",)) == ["| a | b |", "| --: | :-- |", r"| 1\|2 | x |"]


def test_code_block_outlasts_backticks() -> None:
    """The fence is longer than any run of backticks in the text."""
    assert code_block("a\n````\nb\n", "yaml") == ["`````yaml", "a", "````", "b", "`````"]


def _small_batches(parameters: Mapping[str, Any], seed: int, epoch: int) -> float:
    return 0.02 + parameters["batch_size"] * 1e-5 + seed % 7 * 1e-6


def _rows(text: str, section: str) -> list[dict[str, str]]:
    """The first table of a section, its cells as a reader sees them."""
    below = text.split(f"## {section}\n")[1].splitlines()
    lines = list(takewhile(lambda line: line.startswith("|"), dropwhile(lambda line: not line.startswith("|"), below)))
    cells = [[_seen(cell) for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]


def _seen(cell: str) -> str:
    return re.sub(r"\\(.)", r"\1", cell.strip())
