"""TensorBoard's HParams page in a real browser."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests.fakes.ledgers import played
from tune.callbacks.tensorboard import TensorBoard
from tune.ledger import Ledger
from tune.report import wording
from tune.report.results import gather

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """A finished study in which one trial died, in TensorBoard."""
    ledger = played(tmp_path_factory.mktemp("hparams") / "batch-norm", deaths={5: "RuntimeError: no memory"})
    TensorBoard(ledger).close()
    return ledger


@pytest.fixture(scope="module")
def address(ledger: Ledger) -> Iterator[str]:
    """A TensorBoard on loopback that has read the study."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(ledger.folder / "tensorboard")]
    log = (ledger.folder / "server.log").open("w")
    server = subprocess.Popen([*command, "--host", "127.0.0.1", "--port", str(port)], stdout=log, stderr=log)
    try:
        _wait_for(f"http://127.0.0.1:{port}/data/runs", b"trial-0017/seed-12", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=30)
        log.close()


@pytest.fixture(scope="module")
def page(chromium: str) -> Iterator[Page]:
    """A page of a desktop's width."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": 1600, "height": 900})
        browser.close()


def test_one_row_per_trial_and_a_column_per_varying_parameter(
    page: Page, address: str, ledger: Ledger, tmp_path: Path
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


def test_a_bool_parameter_can_be_filtered_by(page: Page, address: str, ledger: Ledger) -> None:
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
    page.screenshot(path=tmp_path / "scalars.png")
    for tag in ("loss/train", "optimisation", "speed"):
        assert page.get_by_text(tag, exact=True).count() >= 1


def _row(page: Page, trial: int) -> Locator:
    rows = page.locator("tf-hparams-table-view").get_by_text(f"trial-{trial:04d}", exact=True)
    return rows.filter(visible=True)  # the grid keeps rows that it no longer shows


def _wait_for(url: str, wanted: bytes, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, "TensorBoard ended"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - loopback
                if wanted in answer.read():
                    return
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.2)
    pytest.fail(f"{url} did not answer in time")
