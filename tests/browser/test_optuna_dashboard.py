"""optuna-dashboard over a study's database, in a real browser."""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.servers import serving
from tests.fakes.ledgers import played
from tune.ledger.reader import LedgerReader
from tune.scoring.standings import incumbent, standings

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> LedgerReader:
    """A finished study in which one trial died."""
    return played(tmp_path_factory.mktemp("optuna") / "batch-norm", deaths={5: "RuntimeError: no memory"})


@pytest.fixture(scope="module")
def address(ledger: LedgerReader) -> Iterator[str]:
    """The dashboard, opened as docs/tensorboard.md says: the database can only be read."""
    pytest.importorskip("optuna_dashboard")
    url = f"sqlite:///file:{ledger.folder}/study.db?mode=ro&uri=true"
    program = [sys.executable, "-c", "from optuna_dashboard._cli import main; main()"]
    command = [*program, url, "--host", "127.0.0.1", "--port", "PORT", "--server", "wsgiref"]
    with serving(command, ledger.folder / "dashboard.log", "/api/studies", b"batch-norm") as address:
        yield address


def test_the_best_trial_is_the_incumbent(ledger: LedgerReader, address: str, chromium: str, tmp_path: Path) -> None:
    """The page loads without an error, draws its plots, and names the incumbent as best, with its score."""
    best = incumbent(standings(ledger, frozenset()))
    assert best is not None
    assert best.trial.last is not None
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{address}/dashboard/studies/1")
        page.get_by_text("Hyperparameter Importance").first.wait_for(timeout=60_000)
        page.locator(".js-plotly-plot").first.wait_for(timeout=60_000)
        shown = page.get_by_text(f"Best Trial (number={best.number})")
        shown.scroll_into_view_if_needed(timeout=60_000)
        page.screenshot(path=tmp_path / "dashboard.png")
        assert page.get_by_text(str(best.trial.last.score)[:8]).count() >= 1
        browser.close()
    assert complaints == []
    told = _get(f"{address}/api/studies/1")
    assert [one["number"] for one in told["best_trials"]] == [best.number]
    assert told["best_trials"][0]["values"] == [best.trial.last.score]
    states = {one["number"]: one["state"] for one in told["trials"]}
    assert states[5] == "Fail"
    assert len(states) == len(ledger.trials)


def test_it_writes_nothing(ledger: LedgerReader, address: str) -> None:
    """The database is opened so that it can only be read: a note is refused, and not a byte of it changes."""
    before = (ledger.folder / "study.db").read_bytes()
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{address}/api/studies/1/note",
        data=json.dumps({"body": "mine", "version": 1}).encode(),
        headers={"Content-Type": "application/json"},
        method="PUT",
    )
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(request, timeout=30)  # noqa: S310 - loopback
    assert "batch-norm" in str(_get(f"{address}/api/studies"))
    assert (ledger.folder / "study.db").read_bytes() == before


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - loopback
        return json.loads(answer.read())
