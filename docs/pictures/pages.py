"""Takes the pictures of pages in these docs, with a real Chromium: of TensorBoard, and of the report.

    python docs/pictures/pages.py results/quickstart

writes hparams.png, custom-scalars.png, report.png and report-seeds.png beside this file, from any finished study; those
that are committed are of `make demo`.
"""

import argparse
import shutil
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tune.ledger.reader import LedgerReader
from tune.views.tensorboard.server import bring_up_to_date, pages, serve

HERE = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = 90_000
LOGARITHMIC = ("batch_size", "latent_dims", "learning_rate")


def take_hparams(page: Page, address: str, last: str) -> None:
    """Opens parallel coordinates, with logarithmic axes where the study searches so."""
    page.goto(address)
    page.locator("tf-hparams-table-view").get_by_text(last, exact=True).first.wait_for()
    page.get_by_text("Parallel Coordinates View").click()
    for name in LOGARITHMIC:
        column = page.locator("tf-hparams-parallel-coords-view .column").filter(has_text=name)
        if column.count():
            column.get_by_text("Logarithmic").click()
    page.wait_for_timeout(3000)  # its lines move to their new places
    page.screenshot(path=HERE / "hparams.png")


def take_bands(page: Page, address: str) -> None:
    """Opens the bands of the best trials."""
    page.goto(address)
    page.reload()
    page.get_by_text("mean of the seeds").first.wait_for()
    page.wait_for_timeout(5000)
    page.screenshot(path=HERE / "custom-scalars.png")


def take_report(page: Page, report: Path) -> None:
    """Opens the report at its beginning, then where the seeds of the best trials stand side by side."""
    page.set_viewport_size({"width": 1280, "height": 1000})
    page.goto(report.resolve().as_uri())
    page.wait_for_timeout(1000)
    page.screenshot(path=HERE / "report.png")
    page.get_by_role("heading", name="by seed").first.evaluate("heading => heading.scrollIntoView()")
    page.wait_for_timeout(3000)  # figures are drawn when they come into view
    page.screenshot(path=HERE / "report-seeds.png")


def main() -> None:
    """Opens a study in TensorBoard, then its report, and takes the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of a finished study")
    ledger = LedgerReader.read(parser.parse_args().folder, clock=time.time)
    chromium = next(path for name in BROWSERS if (path := shutil.which(name)))
    bring_up_to_date(ledger)
    addresses = pages(ledger, serve(ledger.folder / "tensorboard", 0))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 640})
        page.set_default_timeout(PATIENCE_MS)
        hparams, _, _, bands, _ = addresses.values()
        take_hparams(page, hparams, f"trial-{len(ledger.trials) - 1:04d}")
        take_bands(page, bands)
        take_report(page, ledger.folder / "report.html")
        browser.close()


if __name__ == "__main__":
    main()
