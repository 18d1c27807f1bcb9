"""A study whose decisions are kept by a real PostgreSQL server, which is restarted, stopped and missed."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest

from tests.behaviour.command import (
    ROOT,
    Running,
    Trained,
    decided,
    here,
    latent_tune,
    ledger_of,
    status,
    text_of,
    write_study,
)
from tests.fakes.postgresql import Server

CHANGES: dict[str, Any] = {
    "fixed": {"sleep_s": 0.02},
    "search": {"method": "random", "trials": 6, "seed": 3},
    "rungs": [{"epochs": 2, "seeds": 2}, {"epochs": 6, "seeds": 3}],
}


def run(cwd: Path, url: str | None, **changes: Any) -> Path:
    """Runs a study to its end in this process; returns its folder."""
    study = write_study(cwd, **{**CHANGES, "storage": {"database": url}, **changes})
    said = here("run", cwd / "study.yaml", "--results", cwd, "--driver", "inline", QUADRATIC_LOG=str(cwd / "log"))
    assert said.code == 0, said.err
    assert ("(storage.database)" in said.out) == (url is not None)
    return cwd / str(study["name"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study on SQLite, as nobody disturbed it."""
    return run(tmp_path_factory.mktemp("sqlite"), None)


def check_same(folder: Path, whole: Path) -> None:
    """The same decisions and the same curves, and not one epoch trained twice."""
    found, expected = ledger_of(folder), ledger_of(whole)
    assert decided(found) == decided(expected)
    assert found.curves().equals(expected.curves())
    assert status(folder)["seed_epochs_spent"] == status(whole)["seed_epochs_spent"]


def test_it_decides_as_on_sqlite(tmp_path: Path, database_url: str, whole: Path) -> None:
    """A whole study gives the same decisions and curves wherever they are kept, and there is no file for them."""
    folder = run(tmp_path, database_url)
    check_same(folder, whole)
    assert not (folder / "study.db").exists()
    assert here("report", folder, "--connect").code == 0


def test_two_studies_share_a_database(tmp_path: Path, database_url: str, whole: Path) -> None:
    """Studies of different names know nothing of each other."""
    first = run(tmp_path, database_url)
    second = run(tmp_path, database_url, name="other", search={"method": "random", "trials": 3, "seed": 9})
    check_same(first, whole)
    assert status(second)["planned_trials"] == len(ledger_of(second).trials) == 3


def test_a_study_grows_there(tmp_path: Path, database_url: str) -> None:
    """More trials and a wider space for a study that is finished, which Optuna's own tables must follow."""
    folder = run(tmp_path, database_url)
    said = here("resume", folder, "--trials", "8", "--set", "space.x.uniform=[-1,1]", "--driver", "inline")
    assert said.code == 0, said.err
    assert len(ledger_of(folder).trials) == 8
    trials = optuna.load_study(study_name="tiny", storage=database_url).trials
    assert all(trial.state.is_finished() for trial in trials)
    assert {(each.distributions["x"].low, each.distributions["x"].high) for each in trials} == {(-1.0, 1.0)}


def test_tables_are_made_by_one_of_two_at_once(tmp_path: Path, database_url: str) -> None:
    """Two studies that begin at the same moment in an empty database both find it whole."""
    code = (
        "import sys; from pathlib import Path; from tune.ledger.database.database import Database;"
        "sys.stdin.readline();"
        f"print(len(list(Database({database_url!r}, Path('.'), sys.argv[1], create=True).decisions())))"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen([sys.executable, "-c", code, name], **pipes) for name in ("one", "two")]
    for each in both:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    ends = [each.communicate() for each in both]
    assert [out for out, _ in ends] == ["0\n", "0\n"], ends


def test_killed_and_resumed(tmp_path: Path, database_url: str, whole: Path) -> None:
    """`kill -9` of the driver in the middle of a study: it is resumed, and ends as if nothing had been."""
    write_study(tmp_path, **{**CHANGES, "storage": {"database": database_url}})
    folder, log = tmp_path / "results" / "tiny", tmp_path / "log"
    with Running(tmp_path, "run", "study.yaml", "--driver", "inline", QUADRATIC_LOG=str(log)) as process:
        process.until(lambda: Trained.read(log).distinct >= 20, "twenty seed-epochs")
        process.kill()
    said = here("resume", folder, "--driver", "inline", QUADRATIC_LOG=str(log))
    assert said.code == 0, said.err
    assert decided(ledger_of(folder)) == decided(ledger_of(whole))
    assert ledger_of(folder).curves().equals(ledger_of(whole).curves())
    assert status(folder)["sessions"] == ["lost", "finished"]


@pytest.mark.slow
def test_a_server_that_restarts_and_stays_away_delays_a_study(
    tmp_path: Path, postgresql: Server, database_url: str, whole: Path
) -> None:
    """Connections break in mid-study, then the server is away for seconds: waited for, nothing lost or doubled."""
    write_study(tmp_path, **{**CHANGES, "storage": {"database": database_url}})
    folder, log = tmp_path / "results" / "tiny", tmp_path / "log"
    with Running(tmp_path, "run", "study.yaml", "--driver", "inline", QUADRATIC_LOG=str(log)) as process:
        process.until(lambda: Trained.read(log).distinct >= 6, "six seed-epochs")
        postgresql.restart()
        process.until(lambda: Trained.read(log).distinct >= 20, "fourteen more")
        postgresql.stop()
        try:
            process.until(lambda: "does not answer since" in text_of(process.err), "a word about the wait")
        finally:
            postgresql.start()
        assert process.wait() == 0, process.said()
    assert "answers again" in text_of(process.err)
    assert "does not answer since" in text_of(folder / "latent-tune.log")
    for text in (process.said(), text_of(folder / "latent-tune.log")):
        assert postgresql.password not in text
    trained = Trained.read(log)
    assert trained.repeated == 0
    check_same(folder, whole)
    assert status(folder)["sessions"] == ["finished"]


def test_asked_to_stop_it_does_not_wait_for_the_server(
    tmp_path: Path, postgresql: Server, database_url: str, whole: Path
) -> None:
    """A signal while the server is away ends the wait: exit code 130, how to go on said last, and nothing is lost."""
    import signal

    write_study(tmp_path, **{**CHANGES, "storage": {"database": database_url}})
    folder, log = tmp_path / "results" / "tiny", tmp_path / "log"
    with Running(tmp_path, "run", "study.yaml", "--driver", "inline", QUADRATIC_LOG=str(log)) as process:
        process.until(lambda: Trained.read(log).distinct >= 6, "six seed-epochs")
        postgresql.stop()
        try:
            process.until(lambda: "does not answer since" in text_of(process.err), "a word about the wait")
            process.signal(signal.SIGTERM)
            assert process.wait() == 130, process.said()
        finally:
            postgresql.start()
    lines = text_of(process.err).strip().splitlines()
    assert lines[-1] == "continue with: latent-tune resume results/tiny"
    assert "Traceback" not in process.said()
    said = here("resume", folder, "--driver", "inline", QUADRATIC_LOG=str(log))
    assert said.code == 0, said.err
    assert decided(ledger_of(folder)) == decided(ledger_of(whole))
    assert Trained.read(log).repeated == 0


def test_a_server_that_is_not_there_is_a_mistake_at_once(tmp_path: Path, database_url: str) -> None:
    """Who starts a study hears at once that nobody answers, or that the password is wrong; it is never shown."""
    head, _, tail = database_url.partition("@")
    for url in (f"{head}@127.0.0.1:1/none", f"{head}wrong@{tail}"):
        write_study(tmp_path, storage={"database": url})
        said = here("run", tmp_path / "study.yaml", "--results", tmp_path / "results", "--driver", "inline")
        assert said.code == 2
        assert "the study's database cannot be opened" in said.err
        assert "***" in said.err
        assert head.rpartition(":")[2] not in said.err
        assert not (tmp_path / "results").exists()


def test_a_study_in_another_database_is_refused_without_its_password(tmp_path: Path, database_url: str) -> None:
    """A folder that holds the study elsewhere says so, and never how to get in."""
    run(tmp_path, database_url)
    password = database_url.partition("@")[0].rpartition(":")[2]
    write_study(tmp_path, **{**CHANGES, "storage": {"database": database_url + "x"}})
    said = here("run", tmp_path / "study.yaml", "--results", tmp_path, "--driver", "inline")
    assert (said.code, password in said.err) == (2, False)
    assert "storage.database" in said.err


def test_without_the_driver_it_says_what_to_install(tmp_path: Path) -> None:
    """Psycopg is an extra; a study that needs it and has it not says how to get it, and makes nothing."""
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "psycopg.py").write_text(
        "raise ImportError(\"No module named 'psycopg'\", name='psycopg')\n"
    )
    write_study(tmp_path, storage={"database": "postgresql+psycopg://tuner:secret@127.0.0.1:1/none"})
    path = f"{tmp_path / 'without'}:{ROOT}"
    said = latent_tune(tmp_path, "run", "study.yaml", "--driver", "inline", PYTHONPATH=path)
    assert said.code == 2
    assert "its driver is not installed (No module named 'psycopg'); pip install 'latent-tune[postgresql]'" in said.err
    assert "secret" not in said.err
    assert not (tmp_path / "results").exists()
