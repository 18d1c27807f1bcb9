"""TensorBoard's pages of a study in a real browser."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests.browser.servers import serving
from tests.fakes.boards import finished
from tune.ledger.reader import LedgerReader
from tune.views import wording
from tune.views.results import gather
from tune.views.tensorboard.server import pages

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> LedgerReader:
    """A finished study in which one trial died, in TensorBoard."""
    return finished(tmp_path_factory.mktemp("hparams") / "batch-norm")


@pytest.fixture(scope="module")
def address(ledger: LedgerReader) -> Iterator[str]:
    """A TensorBoard on loopback that has read the study."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(ledger.folder / "tensorboard")]
    command += ["--host", "127.0.0.1", "--port", "PORT"]
    with serving(command, ledger.folder / "server.log", "/data/runs", b"trial-0017/seed-12") as address:
        yield address


@pytest.fixture(scope="module")
def page(chromium: str) -> Iterator[Page]:
    """A page of a desktop's width."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": 1600, "height": 900})
        browser.close()


def test_one_row_per_trial_and_a_column_per_varying_parameter(
    page: Page, address: str, ledger: LedgerReader, tmp_path: Path
) -> None:
    """The table shows each trial once, its parameters, and the score of the leaderboard."""
    page.goto(f"{address}/#hparams")
    _row(page, 17).wait_for(timeout=60_000)
    page.screenshot(path=tmp_path / "hparams.png")
    for trial in ledger.trials:
        expect(_row(page, trial.number)).to_have_count(1)
    table = page.locator("tf-hparams-table-view")
    for heading in ("learning_rate", "batch_size", "latent_dims", "use_batch_norm", "score", "validation loss"):
        expect(table.get_by_text(heading, exact=True)).to_have_count(1)
    expect(page.get_by_text("hidden_units")).to_have_count(0)
    best = gather(ledger).best
    assert best is not None
    assert table.get_by_text(wording.number(best.score, 5)).count() >= 1


def test_a_bool_parameter_can_be_filtered_by(page: Page, address: str, ledger: LedgerReader) -> None:
    """Without `true`, only the trials without batch norm are left."""
    page.goto(f"{address}/#hparams")
    page.reload()
    _row(page, 17).wait_for(timeout=60_000)
    page.locator("tf-hparams-query-pane").get_by_text("true", exact=True).click()
    for trial in ledger.trials:
        expect(_row(page, trial.number)).to_have_count(0 if trial.parameters["use_batch_norm"] else 1)


def test_curves_of_every_seed_are_drawn(page: Page, address: str, tmp_path: Path) -> None:
    """The scalars page has the losses in one group and the optimisation in another."""
    page.goto(f"{address}/#timeseries")
    page.get_by_text("loss/validation").first.wait_for(timeout=60_000)
    card = page.locator("scalar-card").filter(has_text="loss/validation").first
    expect(card.get_by_text("trial-0000/seed-1", exact=True)).to_be_attached(
        timeout=60_000
    )  # in the table of its values
    page.wait_for_timeout(2000)
    page.screenshot(path=tmp_path / "scalars.png")
    for tag in ("loss/train", "optimisation", "speed"):
        assert page.get_by_text(tag, exact=True).count() >= 1


def test_logarithmic_axes_can_be_chosen(page: Page, address: str, tmp_path: Path) -> None:
    """TensorBoard begins with linear ones whatever it is told; a press makes those of the ranges logarithmic."""
    page.goto(f"{address}/#hparams")
    page.reload()
    _row(page, 17).wait_for(timeout=60_000)
    page.get_by_text("Parallel Coordinates View").click()
    view = page.locator("tf-hparams-parallel-coords-view")
    for name in ("learning_rate", "latent_dims"):
        view.locator(".column").filter(has_text=name).get_by_text("Logarithmic").click()
    expect(view.locator("path:visible").first).to_be_attached()
    expect(view.get_by_text("1e-3").first).to_be_visible()
    page.wait_for_timeout(1000)
    page.screenshot(path=tmp_path / "parallel.png")


def test_bands_of_the_best_are_drawn(page: Page, address: str, ledger: LedgerReader, tmp_path: Path) -> None:
    """The address that is printed opens custom scalars with the best trials chosen, and each has a line and a band."""
    page.goto(pages(ledger, address)["bands of the best 4"])
    page.reload()
    chart = page.locator("tf-custom-scalar-margin-chart-card").filter(has_text="validation loss").first
    expect(chart.get_by_text("Matches (4)")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("seeds whose loss is finite").filter(visible=True)).to_have_count(0)
    page.wait_for_timeout(3000)
    page.screenshot(path=tmp_path / "custom-scalars.png")


def test_curves_of_the_best_are_chosen(page: Page, address: str, ledger: LedgerReader, tmp_path: Path) -> None:
    """The address that is printed opens the scalars of their seeds, however many runs there are."""
    page.goto(pages(ledger, address)["curves of the best 4"])
    page.reload()
    page.get_by_text("loss/validation").first.wait_for(timeout=60_000)
    best = gather(ledger).best
    assert best is not None
    chosen = page.locator(f"paper-checkbox[id='checkbox-trial-{best.number:04d}/seed-12345']")
    expect(chosen).to_have_attribute("aria-checked", "true", timeout=60_000)
    page.wait_for_timeout(2000)
    page.screenshot(path=tmp_path / "curves.png")


def test_the_text_page_shows_incumbent_and_study_file(
    page: Page, address: str, ledger: LedgerReader, tmp_path: Path
) -> None:
    """The address that is printed opens both, laid out."""
    best = gather(ledger).best
    assert best is not None
    page.goto(pages(ledger, address)["study file and incumbent"])
    page.reload()
    page.get_by_text(f"Trial {best.number}", exact=True).first.wait_for(timeout=60_000)
    page.get_by_text("trainer: tests.fakes.trainers:Quadratic").first.wait_for(timeout=60_000)
    assert page.locator("table", has_text="learning_rate").count() >= 1
    page.screenshot(path=tmp_path / "text.png")


def _row(page: Page, trial: int) -> Locator:
    rows = page.locator("tf-hparams-table-view").get_by_text(f"trial-{trial:04d}", exact=True)
    return rows.filter(visible=True)  # the grid keeps rows that it no longer shows
