"""Working on a study from its file to its report."""

import time
from pathlib import Path

import pytest

from tests.fakes.ledgers import latent_study, played
from tests.fakes.studies import quadratic_study
from tune.cli import session
from tune.cli.show import showing
from tune.ledger.reader import LedgerReader
from tune.views.report.page import write_report
from tune.views.results import Results, gather
from tune.views.terminal.status import study_state


def test_who_sees_a_study_finished_finds_its_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the report is there the study is told as running: a script that waits for its end may copy it away."""
    folder = tmp_path / "s"
    seen: list[str] = []

    def told() -> str:
        return study_state(LedgerReader.read(folder, clock=time.time))

    def writing(results: Results) -> Path:
        seen.append(told())
        report = write_report(results)
        seen.append(told())
        return report

    monkeypatch.setattr(session, "write_report", writing)
    with showing("quiet") as show:
        session.work_on(quadratic_study(search={"trials": 2}), folder, "inline", show)
    assert seen == ["running", "running"]
    assert told() == "finished"
    assert "| 1 | finished |" in (folder / "report.md").read_text()


def test_a_study_outlives_a_report_that_fails(tmp_path: Path) -> None:
    """It is said, with the command that tries again, and nothing is raised."""
    ledger = played(tmp_path / "s", latent_study(search={"trials": 2}))
    (ledger.folder / "figures").touch()  # where a folder belongs
    written = session._write_results(gather(ledger))
    assert written.report is None
    assert "the report could not be written: FileExistsError" in written.said
    assert f"try again with: latent-tune report {ledger.folder}" in written.said
