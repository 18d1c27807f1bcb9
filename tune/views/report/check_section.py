"""What a check said of the study before it began, as a section of the report."""

from tune.scoring.check.checked import check_of
from tune.views import wording
from tune.views.report.blocks import Paragraph, Section, Table
from tune.views.results import Results

_VERDICTS = {"go": "go", "warning": "warning", "no-go": "no-go", "unknown": "not known"}


def check_section(results: Results) -> list[Section]:
    """Returns the items of the check that was made before the study began; nothing where there was none."""
    found = check_of(results.ledger)
    if found is None:
        return []
    said = (
        f"{wording.count(found.trainings, 'short training')} in {wording.duration(found.seconds)} said "
        f"{found.said}. What is asked and how it is measured: docs/check.md."
    )
    rows = [
        [item.name, _VERDICTS[item.verdict], item.measured, item.asked, item.advice if item.verdict in _TO_DO else ""]
        for item in found.items
    ]
    headings = ["item", "verdict", "measured", "asked", "what to do"]
    table = Table(headings, rows, left=headings, caption="The check before the study began")
    return [Section("Check before it began", [Paragraph(said), table])]


_TO_DO = ("warning", "no-go")
