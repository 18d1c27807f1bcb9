"""The report in a real browser: offline, at a phone's and a desktop's width, light and dark, on paper."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.fakes.ledgers import latent_study, played
from tune.views.report.page import report_of, write_report
from tune.views.results import gather

pytestmark = pytest.mark.browser

PATIENCE_MS = 120_000
WIDTHS = {"phone": 390, "desktop": 1280}
HOSTILE = ["<script>hacked=1</script>", "<img src=x onerror=hacked=1>", '<a href="javascript:hacked=1">x</a>']


@dataclass
class Visit:
    """A page, and what it did that it should not."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """A Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished study in which one trial died, with its report."""
    ledger = played(tmp_path_factory.mktemp("report") / "batch-norm", deaths={5: "RuntimeError: no memory"})
    write_report(gather(ledger))
    return ledger.folder


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_works_without_a_network(
    browser: Browser, folder: Path, width: str, scheme: str, tmp_path: Path
) -> None:
    """Nothing is fetched, the console stays silent, every figure is drawn, and the page does not scroll sideways."""
    with _visit(browser, folder, WIDTHS[width], scheme) as visit:
        page = visit.page
        assert visit.complaints == []
        assert visit.requests == [(folder / "report.html").as_uri()]
        assert page.evaluate("document.documentElement.scrollWidth") == WIDTHS[width]
        figures = page.locator("figure")
        assert figures.count() == len(list((folder / "figures").glob("*.png"))) > 5
        for place in range(figures.count()):
            assert figures.nth(place).locator(".panel svg.main-svg").first.is_visible()
            assert not figures.nth(place).locator("img.static").is_visible()
            assert figures.nth(place).locator(".live").get_attribute("aria-label")
        page.screenshot(path=tmp_path / f"report-{width}-{scheme}.png", full_page=True)


def test_the_legend_hides_and_shows(browser: Browser, folder: Path) -> None:
    """A press on an entry takes its marks away, and says so to those who cannot see it; a second brings them back."""
    with _visit(browser, folder, 1280) as visit:
        page = visit.page
        figure = page.locator("#figure-seeds")
        button = figure.get_by_role("button", name="winner's seeds")
        points = figure.locator(".scatterlayer .trace path.point")
        before = points.count()
        button.click()
        expect(button).to_have_attribute("aria-pressed", "false")
        expect(points).to_have_count(before - 5, timeout=PATIENCE_MS)
        button.click()
        expect(points).to_have_count(before, timeout=PATIENCE_MS)


def test_every_figure_has_its_data(browser: Browser, folder: Path) -> None:
    """The table behind a figure opens, and every picture has a text."""
    with _visit(browser, folder, 390) as visit:
        page = visit.page
        page.locator("#figure-seeds summary").click()
        expect(page.locator("#figure-seeds table")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert page.evaluate("[...document.images].every((image) => image.alt.length > 20)")


def test_paper_gets_the_pictures(browser: Browser, folder: Path, tmp_path: Path) -> None:
    """In print the static figures stand in for the interactive ones, and the whole is a PDF of some pages."""
    with _visit(browser, folder, 1280) as visit:
        page = visit.page
        page.emulate_media(media="print")
        assert page.locator("#figure-seeds img.static").is_visible()
        assert not page.locator("#figure-seeds .live").is_visible()
        page.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True)
        assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def test_without_scripts_the_pictures_stay(browser: Browser, folder: Path) -> None:
    """A reader that runs no script sees every figure."""
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto((folder / "report.html").as_uri())
    assert page.locator("#figure-curves img.static").is_visible()
    assert not page.locator("#figure-curves .live").is_visible()
    context.close()


def test_no_value_becomes_script(browser: Browser, tmp_path: Path) -> None:
    """Markup in names, values and causes runs nowhere: not in the page, not in plotly's labels."""
    study = latent_study(
        space={HOSTILE[1]: {"choice": HOSTILE}, "y": {"choice": [1, 2]}},
        search={"method": "grid"},
        rungs=[{"epochs": 2, "seeds": 2}],
        confirm={"seeds": 2},
    )
    ledger = played(tmp_path / "batch-norm", study, deaths={0: HOSTILE[0]})
    write_report(gather(ledger))
    with _visit(browser, ledger.folder, 1280) as visit:
        assert visit.complaints == []
        assert visit.page.evaluate("typeof hacked") == "undefined"
        assert visit.page.locator("svg a").count() == 0
        assert len(report_of(gather(ledger)).figures) == visit.page.locator("figure").count()


@contextmanager
def _visit(browser: Browser, folder: Path, width: int, scheme: str = "light") -> Iterator[Visit]:
    """Opens the report without a network, and looks at every panel."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light", offline=True
    )
    context.set_default_timeout(PATIENCE_MS)
    visit = Visit(context.new_page())
    visit.page.on("console", lambda message: visit.complaints.append(message.text))
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.page.on("request", lambda request: visit.requests.append(request.url))
    visit.page.goto((folder / "report.html").as_uri())
    for panel in visit.page.locator(".panel").all():
        panel.scroll_into_view_if_needed()
        panel.locator("svg.main-svg").first.wait_for()
    yield visit
    context.close()
