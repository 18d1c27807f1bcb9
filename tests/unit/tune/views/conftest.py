"""A finished study in which one trial died, played once per module."""

import pytest

from tests.fakes.ledgers import played
from tune.ledger.reader import LedgerReader


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> LedgerReader:
    """A finished study in which one trial died and another is lucky."""
    return played(tmp_path_factory.mktemp("tables") / "batch-norm", deaths={5: "RuntimeError: [red]no[/red] | memory"})
