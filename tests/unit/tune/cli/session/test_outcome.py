"""What a study has come to is written and presented."""

from pathlib import Path

from tests.fakes.ledgers import latent_study, played
from tune.cli.session import outcome
from tune.views.results import gather


def test_a_study_outlives_a_report_that_fails(tmp_path: Path) -> None:
    """It is said, with the command that tries again, and nothing is raised."""
    ledger = played(tmp_path / "s", latent_study(search={"trials": 2}))
    (ledger.folder / "figures").touch()  # where a folder belongs
    written = outcome._write_results(gather(ledger))
    assert written.report is None
    assert "the report could not be written: FileExistsError" in written.said
    assert f"try again with: latent-tune report {ledger.folder}" in written.said
