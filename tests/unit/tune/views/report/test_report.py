"""The report: one model, two pages, and everything that they compute."""

import re
from collections.abc import Mapping
from math import inf, isfinite, nan
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow as pa
import pytest
import yaml

from tests.fakes.clock import Clock
from tests.fakes.golden import REPORT, golden_report
from tests.fakes.html_page import HtmlPage
from tests.fakes.ledgers import Player, latent_loss, latent_study, played
from tune.cli import main
from tune.ledger.ledger import Ledger
from tune.ledger.reader import LedgerReader
from tune.optimizer.importance import importances
from tune.scoring.paired import paired
from tune.scoring.score import counted_loss
from tune.study.sections import Budget
from tune.study.space import Choice, Uniform
from tune.views.one_seed import one_seed_choices
from tune.views.report.blocks import Bullets, Code, Figure, Paragraph, Report, Table
from tune.views.report.caveats import caveats, seeds_needed
from tune.views.report.figures.static import draw_png
from tune.views.report.page import report_of, write_best, write_report
from tune.views.report.rendering import as_html, as_markdown
from tune.views.results import gather
from tune.views.runs import energy_kwh
from tune.views.sentences import answer

HOSTILE = ["<script>hacked=1</script>", "</script><img src=x onerror=hacked=1>", "$\\frac{1}$", "[a](javascript:b)|`c`"]


def test_the_report_of_the_stored_ledger(tmp_path: Path) -> None:
    """It is what was reviewed, to the letter; `python -m tests.fakes.golden` writes it anew."""
    assert golden_report() == REPORT.read_text(encoding="utf-8")


def test_both_pages_say_the_same(report: Report) -> None:
    """Every sentence, every cell, every figure's text and every command stands in both."""
    page = HtmlPage()
    page.feed(as_html(report, dict.fromkeys((figure.file for figure in report.figures), b"")))
    text, shown = _unescaped(as_markdown(report)), " ".join(page.text)
    for sentence in _sentences(report):
        assert " ".join(sentence.split()) in text
        assert " ".join(sentence.split()) in " ".join(shown.split())
    for figure in report.figures:
        assert f"![{figure.alt}]({figure.file})" in text
        assert figure.alt in page.alts
    tables = [block for section in report.sections for block in section.blocks if isinstance(block, Table)]
    assert len(page.tables) == len(tables) + len(report.figures)
    for table in [*tables, *(figure.data for figure in report.figures)]:
        assert [list(table.headings), *map(list, table.rows)] in page.tables


def test_runs_of_the_report_are_those_of_the_ledger(ledger: Ledger, report: Report) -> None:
    """Losses, epochs and failures of every run can be read back; a run that is not shown has died."""
    (table,) = _tables(report, "Run overview")
    baseline = 0.0355
    for row in table.rows:
        cells = dict(zip(table.headings, row, strict=True))
        curve = ledger.curve(int(cells["trial"]), int(cells["seed"]))
        assert int(cells["epochs"]) == len(curve)
        if isfinite(curve[-1]):
            assert float(cells["final validation_loss"]) == pytest.approx(curve[-1], rel=1e-3)
            assert float(cells["final train_loss"]) == pytest.approx(curve[-1] * 1.2, rel=1e-3)
        assert (cells["failed"] == "failed") == (not curve[-1] < baseline)
    assert len(table.rows) == sum(
        bool(ledger.curve(trial.number, seed)) for trial in ledger.trials for seed in ledger.study.seeds
    )


def test_cost_is_that_of_the_ledger(ledger: Ledger, report: Report) -> None:
    """Seed-epochs as the ledger counts them; what was not measured is said."""
    (table,) = _tables(report, "Cost")
    cells = dict(table.rows)
    assert cells["seed-epochs trained"] == f"{ledger.spent:,}"
    assert cells["GPU-hours"] == "trials have no GPU"
    assert cells["energy of the GPUs, kWh"] == "not measured"
    saved = next(figure for figure in report.figures if figure.key == "saved")
    assert saved.data.rows[-1][1] == f"{ledger.spent:,}"


def test_hostile_strings_are_text(tmp_path: Path) -> None:
    """Names, values and causes with markup of HTML, Markdown, plotly and formulas are shown, and nothing more."""
    study = latent_study(
        space={"<b>x</b>": {"choice": HOSTILE}, "y": {"choice": [1, 2]}},
        search={"method": "grid"},
        rungs=[{"epochs": 2, "seeds": 2}],
        confirm={"seeds": 2},
    )
    ledger = played(tmp_path / "s", study, deaths={0: HOSTILE[1]})
    write_report(gather(ledger))
    text = (tmp_path / "s" / "report.html").read_text()
    page = HtmlPage()
    page.feed(text)
    figures = report_of(gather(ledger)).figures
    assert page.scripts == 2 + sum(len(figure.panels) for figure in figures)
    assert page.images == len(figures)
    assert HOSTILE[0] in " ".join(page.text)
    markdown = (tmp_path / "s" / "report.md").read_text()
    prose = re.sub(r"```.*?```", "", markdown, flags=re.DOTALL)
    assert "<script" not in re.sub(r"\\.", "", prose)
    assert not re.search(r"(?<!\\)\]\(javascript", prose)


@pytest.mark.parametrize("units", [0, 1, 4])
def test_report_of_a_study_that_was_interrupted(tmp_path: Path, units: int) -> None:
    """However early it stopped there are both pages, which say what is provisional, and pages can be written again."""
    clock = Clock()
    ledger = Ledger.open(latent_study(), tmp_path / "s", clock=clock)
    Player(ledger, clock).play(units=units)
    ledger.close("interrupted")
    there = LedgerReader.read(tmp_path / "s", clock=clock)
    for _ in range(2):
        write_report(gather(there))
    said = "nothing to recommend" if units == 0 else "No trial was confirmed"
    for name in ("report.md", "report.html"):
        assert said in (tmp_path / "s" / name).read_text()
    assert "| interrupted |" in (tmp_path / "s" / "report.md").read_text()


def test_report_of_a_study_in_which_everything_failed(tmp_path: Path) -> None:
    """Trials that died and seeds that diverged leave tables, and figures of what there is."""
    dead = played(tmp_path / "dead", latent_study(search={"trials": 3}), deaths={0: "a", 1: "b", 2: "c"})
    assert "nothing to recommend" in write_report(gather(dead)).read_text()
    lost = played(tmp_path / "lost", latent_study(search={"trials": 4}), loss=_diverging)
    assert "Every seed of the best trial, 0, failed" in write_report(gather(lost)).read_text()
    for figure in report_of(gather(lost)).figures:
        assert draw_png(figure).startswith(b"\x89PNG")


def test_figures_that_are_gone_are_removed(ledger: Ledger) -> None:
    """A picture of an earlier report is not left beside the new one; other files are."""
    folder = ledger.folder / "figures"
    folder.mkdir(exist_ok=True)
    (folder / "speed.png").touch()
    (folder / "mine.png").touch()
    write_report(gather(ledger))
    assert not (folder / "speed.png").exists()
    assert (folder / "mine.png").exists()


def test_a_price_becomes_money(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """GPU-hours times the price given, else the study's; without GPUs, or below zero, it is refused in one line."""
    gpus = latent_study(resources={"gpus_per_trial": 0.5}, search={"trials": 2})
    ledger = Ledger.open(gpus, tmp_path / "gpus", clock=Clock())
    work = Player(ledger, Clock()).optimizer.next_work()
    assert work is not None
    ledger.record(0, work.seeds, 1, {"validation_loss": [0.1] * len(work.seeds)}, held_s=7200.0)
    ledger.close("interrupted")
    assert main(["report", str(tmp_path / "gpus"), "--price", "2.5"]) == 0
    assert "| money, at 2.5 per GPU-hour | 2.50 |" in (tmp_path / "gpus" / "report.md").read_text()
    assert main(["report", str(tmp_path / "gpus"), "--price", "-1"]) == 2
    assert "--price: the price of a GPU-hour is a number above 0, such as 2.50; got -1" in capsys.readouterr().err
    priced = gpus.model_copy(update={"budget": Budget(price_per_gpu_hour=3)})
    Ledger.open(priced, tmp_path / "gpus", clock=Clock(), grow=True).close("interrupted")
    assert main(["report", str(tmp_path / "gpus")]) == 0
    assert "| money, at 3 per GPU-hour | 3.00 |" in (tmp_path / "gpus" / "report.md").read_text()
    assert main(["report", str(tmp_path / "gpus"), "--price", "0.5"]) == 0
    assert "| money, at 0.5 per GPU-hour | 0.50 |" in (tmp_path / "gpus" / "report.md").read_text()
    played(tmp_path / "cpus", latent_study(search={"trials": 1}))
    assert main(["report", str(tmp_path / "cpus"), "--price", "1"]) == 2
    assert "have no GPU (resources.gpus_per_trial is 0)" in capsys.readouterr().err


def test_energy_goes_by_the_share_of_a_gpu() -> None:
    """A board draws its power for whoever holds it: each run is charged for the GPU-seconds that were its share."""
    rows = [(0, 1, 1, 1800.0, 400.0), (0, 12, 1, 1800.0, 400.0), (1, 1, 1, 1800.0, 200.0), (1, 1, 2, 1800.0, None)]
    names = ("trial", "seed", "epoch", "gpu_seconds", "gpu_power_w")
    curves = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    assert energy_kwh(curves) == pytest.approx(0.5)
    assert energy_kwh(curves.drop(["gpu_power_w"])) is None
    assert energy_kwh(curves.drop(["gpu_seconds"])) is None


def test_what_one_seed_would_have_chosen(tmp_path: Path) -> None:
    """The published story: seed 123 prefers the small batch with batch norm, which fails on two seeds of five."""
    study = latent_study(
        space={"batch_size": {"choice": [16, 256]}, "use_batch_norm": {"choice": [True]}},
        search={"method": "grid"},
        rungs=[{"epochs": 8, "seeds": 5}],
    )
    results = gather(played(tmp_path / "s", study))
    choices = {choice.seed: choice for choice in one_seed_choices(results)}
    assert results.best is not None
    assert results.best.trial.parameters["batch_size"] == 256
    for seed in (1, 123, 12345):
        assert choices[seed].chosen.trial.parameters["batch_size"] == 16
        assert choices[seed].failed == (12, 1234)
        assert choices[seed].expected > 2 * choices[seed].winners
    assert choices[12].chosen.number == results.best.number
    assert choices[1].seed_epochs == 2 * 8
    assert re.search(
        r"a sweep with seed \d+ alone would have chosen trial 0 for its 0\.02\d+ there, which comes to 0\.0\d+ over "
        r"all its seeds where the winner has 0\.02\d+, failing on seeds 12 and 1234\.",
        answer(results)[2],
    )


def test_one_seed_compares_equal_seeds(tmp_path: Path) -> None:
    """Where the final race gave the winner seeds that the chosen one has not, both are told over those they share."""
    study = latent_study(
        space={"batch_size": {"choice": [16, 32, 256]}, "use_batch_norm": {"choice": [True]}},
        search={"method": "grid"},
        seeds=[1, 12, 123, 1234, 12345, 6, 7, 8],
        rungs=[{"epochs": 8, "seeds": 3}],
        confirm={"seeds": 8, "finalists": 2},
    )
    results = gather(played(tmp_path / "s", study))
    best, choices = results.best, one_seed_choices(results)
    assert best is not None
    unequal = [one for one in choices if one.chosen.losses.keys() != best.losses.keys()]
    assert unequal
    for one in choices:
        assert set(one.seeds) == one.chosen.losses.keys() & best.losses.keys()
        assert one.complete == (one not in unequal)
        rule = (results.baseline, results.study.score.cap)
        means = [fmean(counted_loss(side.losses[seed], *rule) for seed in one.seeds) for side in (one.chosen, best)]
        assert [one.expected, one.winners] == pytest.approx(means)
        assert set(one.failed) <= set(one.seeds)
    assert "those that the winner has too" in as_markdown(report_of(results))
    path = write_best(results)
    assert path is not None
    assert yaml.safe_load(path.read_text())["seeds"] == list(best.losses)
    assert len(best.losses) > 3


def test_slow_starters_are_named(tmp_path: Path) -> None:
    """Trials without batch norm that were stopped while they fell faster than the winner are a caveat."""
    ledger = played(tmp_path / "s", loss=_slow_without_batch_norm)
    found = [line for line in caveats(gather(ledger)) if "slow starter" in line]
    assert len(found) == 1
    assert re.search(r"^\d+ of \d+ trials that were stopped early were still falling", found[0])
    assert "with use_batch_norm false" in found[0]


def test_seeds_needed_to_tell_two_trials_apart() -> None:
    """Few where the difference is clear, many where it drowns, none where nothing can be said."""
    first = dict.fromkeys(range(5), 0.1)
    clear = paired(first, {seed: 0.2 + 0.001 * seed for seed in range(5)}, 1.0)
    drowned = paired(first, {seed: 0.1 + 0.01 * (-1) ** seed for seed in range(5)}, 1.0)
    assert seeds_needed(clear) == 2
    assert (seeds_needed(drowned) or 0) > 5
    assert seeds_needed(paired(first, first, 1.0)) is None
    assert seeds_needed(paired({1: 0.1}, {1: 0.2}, 1.0)) is None


def test_importance_finds_what_matters() -> None:
    """Both evaluators put the parameter that matters first; few trials, or equal ones, say nothing."""
    space = {"x": Uniform(uniform=[0, 1]), "y": Uniform(uniform=[0, 1]), "z": Choice(choice=["a", "b"])}
    settings = [{"x": (7 * i % 40) / 40, "y": (11 * i % 40) / 40, "z": "ab"[i % 2]} for i in range(40)]
    scores = [setting["x"] for setting in settings]  # type: ignore[misc]
    found = importances(space, settings, [inf, *scores[1:]], seed=0)
    for evaluator in ("PED-ANOVA", "fANOVA"):
        shares = {one.parameter: one.values for one in found if one.evaluator == evaluator}
        assert shares["x"][5] > max(shares["y"][5], shares["z"][5])
        assert all(list(values) == sorted(values) for values in shares.values())
    assert importances(space, settings, [inf, *scores[1:]], seed=0) == found
    assert importances(space, settings[:7], scores[:7], seed=0) == []
    assert importances(space, settings, [1.0] * 40, seed=0) == []


def _diverging(parameters: Mapping[str, Any], seed: int, epoch: int) -> float:
    return nan


def _slow_without_batch_norm(parameters: Mapping[str, Any], seed: int, epoch: int) -> float:
    if parameters["use_batch_norm"]:
        return latent_loss({**parameters, "batch_size": 256}, seed, epoch)
    return latent_loss(parameters, seed, epoch) + 0.02 * 0.7**epoch


def _tables(report: Report, title: str) -> list[Table]:
    (section,) = [section for section in report.sections if section.title == title]
    return [block for block in section.blocks if isinstance(block, Table)]


def _sentences(report: Report) -> list[str]:
    found = [*report.answer, *(section.title for section in report.sections)]
    for block in (block for section in report.sections for block in section.blocks):
        if isinstance(block, Paragraph):
            found.append(block.text)
        elif isinstance(block, Bullets):
            found += block.items
        elif isinstance(block, Code):
            found.append(block.text)
        elif isinstance(block, Figure):
            found += [block.title, block.caption]
    return found


def _unescaped(text: str) -> str:
    return " ".join(re.sub(r"\\([\\`*\[\]<>|~$&_])", r"\1", text).split())
