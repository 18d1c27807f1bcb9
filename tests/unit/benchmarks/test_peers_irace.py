"""irace as a competitor in the benchmark of searches."""

from pathlib import Path

import pytest

from benchmarks.peers import Setting
from benchmarks.peers_irace import installed, irace
from benchmarks.tabular import EPOCHS, SEEDS, Configuration
from tests.unit.benchmarks.test_search import small_table

RSCRIPT = """#!/bin/sh
# Rscript irace.R FOLDER SEED EXPERIMENTS, by an irace that begins with 180.
[ "$4" -ge 180 ] || {
  echo "Error: == irace == Insufficient budget: will require a value of 'maxExperiments' of at least '180'." >&2
  exit 1
}
[ -s "$2/parameters.txt" ] && [ "$(wc -l < "$2/losses.csv")" -eq 5 ] || exit 1
echo "1 0 $4"
"""


def recommended(budget: int) -> Configuration | None:
    """What irace recommends on the small table."""
    ((cost, recommend),) = irace(Setting(small_table(), range(SEEDS), 3, budget))
    assert cost == 0
    return recommend()


@pytest.fixture
def rscript(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for R, which irace needs."""
    script = tmp_path / "Rscript"
    script.write_text(RSCRIPT)
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return script


@pytest.mark.usefixtures("rscript")
@pytest.mark.parametrize(
    ("trainings", "expected"), [(200, True), (180, True), (177, True), (88, False)], ids=["more", "all", "near", "few"]
)
def test_it_gets_the_least_it_asks_for_where_that_is_hardly_more(trainings: int, *, expected: bool) -> None:
    """It will not begin with less; two per cent beyond the budget are granted, and far less buys nothing."""
    assert recommended(trainings * EPOCHS) == ({"learning_rate": 0.2, "norm": True} if expected else None)


def test_an_error_of_its_own_is_told(rscript: Path) -> None:
    """A play that died is no recommendation."""
    rscript.write_text("#!/bin/sh\necho 'there is no package called irace' >&2; exit 1\n")
    assert not installed()
    with pytest.raises(RuntimeError, match="no package called irace"):
        recommended(5000)


@pytest.mark.skipif(not installed(), reason="needs R with irace: apt-get install r-cran-irace")
def test_irace_goes_by_ranks() -> None:
    """The real one takes what is best on nine seeds and fails on the tenth, and takes it again."""
    assert recommended(400 * EPOCHS) == recommended(400 * EPOCHS) == {"learning_rate": 0.1, "norm": True}
