"""A study and its report, made once per module."""

import pytest

from tests.fakes.ledgers import played
from tune.ledger.reader import LedgerReader
from tune.views.report.blocks import Report
from tune.views.report.page import report_of
from tune.views.results import gather


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> LedgerReader:
    """A finished study in which one trial died and another one is lucky."""
    return played(tmp_path_factory.mktemp("report") / "batch-norm", deaths={5: "ValueError: a | b"})


@pytest.fixture(scope="module")
def report(ledger: LedgerReader) -> Report:
    """Its report."""
    return report_of(gather(ledger))
