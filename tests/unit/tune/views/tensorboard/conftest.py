"""Studies in TensorBoard's files, each made once per module."""

import pytest

from tests.fakes.boards import finished, with_a_race
from tune.ledger.reader import LedgerReader


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> LedgerReader:
    """A finished study in which one trial died, in TensorBoard."""
    return finished(tmp_path_factory.mktemp("board") / "batch-norm")


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory) -> LedgerReader:
    """A finished study with a race, in TensorBoard."""
    return with_a_race(tmp_path_factory.mktemp("raced") / "s")
