"""Studies whose checkpoints lie in an object store, through the command line, and what becomes of them when it goes."""

import re
import shutil
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.behaviour.command import (
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
from tests.fakes.object_store import CREDENTIALS, ObjectStore, program


def stored(place: str) -> dict[str, object]:
    return {"shared": place, "copy_every": 0.2, "checkpoints": "every_epoch"}


@pytest.fixture
def place(object_store: ObjectStore) -> str:
    """An empty bucket's URI."""
    return object_store.uri(f"{object_store.bucket()}/lab")


def at(place: str, name: str) -> str:
    base, question, options = place.partition("?")
    return f"{base}/{name}{question}{options}"


def test_a_study_is_the_same_wherever_it_lies(object_store: ObjectStore, place: str, tmp_path: Path) -> None:
    """Decisions and curves are those of a study on a disk, and the bucket holds nothing but what is kept."""
    write_study(tmp_path)
    assert here("run", "study.yaml", "--driver", "inline", "--results", "disk", cwd=tmp_path).code == 0
    write_study(tmp_path, storage={"shared": place})
    said = here("run", "study.yaml", "--driver", "inline", cwd=tmp_path)
    assert said.code == 0, said.err
    disk, store = ledger_of(tmp_path / "disk" / "tiny"), ledger_of(tmp_path / "results" / "tiny")
    assert decided(store) == decided(disk)
    assert store.curves().equals(disk.curves())
    there = object_store.names(f"{place[5:].partition('?')[0]}/tiny")
    kept = {name for name in there if name.startswith("checkpoints/") and name.endswith(".pt")}
    assert kept == {str(path.relative_to(disk.folder)) for path in disk.folder.glob("checkpoints/*/*.pt")}
    assert not (store.folder / "checkpoints").exists()
    assert status(store.folder)["checkpoint_bytes"] == sum(there[name] for name in kept)


@pytest.mark.parametrize("driver", ["inline", pytest.param("ray", marks=[pytest.mark.cluster, pytest.mark.slow])])
def test_a_lost_machine_costs_no_finished_epoch(place: str, tmp_path: Path, driver: str) -> None:
    """Killed with -9 and its folder deleted: another machine goes on from the store, and decides the same."""
    changes = {"fixed": {"sleep_s": 0.05}, "storage": stored(place)}
    write_study(tmp_path, **changes)
    log = tmp_path / "log"
    with Running(tmp_path, "run", "study.yaml", "--driver", driver, QUADRATIC_LOG=str(log)) as process:
        process.until(lambda: len(Trained.read(log).lines) >= 12, "twelve seed-epochs")
        process.kill()
    folder = tmp_path / "results" / "tiny"
    shutil.rmtree(folder)
    said = latent_tune(
        tmp_path, "resume", at(place, "tiny"), "--results", "elsewhere", "--driver", driver, QUADRATIC_LOG=str(log)
    )
    assert said.code == 0, said.err
    ledger = ledger_of(tmp_path / "elsewhere" / "tiny")
    assert [session.ended for session in ledger.sessions] == ["lost", "finished"]
    assert all(not trial.attempts for trial in ledger.trials)
    after = Trained.read(log)
    # Trials begun since the last copy begin again; of the others only the epoch in hand: two trials, three seeds each.
    (copied,) = re.findall(r"continuing with (\d+) of", said.out)
    settings = {str(trial.parameters["x"]) for trial in ledger.trials[: int(copied)]}
    again = [line for line, times in Counter(after.lines).items() if times > 1 and line.split()[0] in settings]
    assert settings
    assert len(again) <= 6, again
    if driver == "inline":
        write_study(tmp_path, fixed={"sleep_s": 0.05})
        assert here("run", "study.yaml", "--driver", "inline", "--results", "whole", cwd=tmp_path).code == 0
        assert decided(ledger) == decided(ledger_of(tmp_path / "whole" / "tiny"))


@pytest.mark.slow
def test_a_killed_driver_goes_on_from_its_own_folder(place: str, tmp_path: Path) -> None:
    """With its folder there nothing but the epoch in hand is trained again."""
    write_study(tmp_path, fixed={"sleep_s": 0.05}, storage=stored(place))
    log = tmp_path / "log"
    with Running(tmp_path, "run", "study.yaml", "--driver", "inline", QUADRATIC_LOG=str(log)) as process:
        process.until(lambda: len(Trained.read(log).lines) >= 9, "nine seed-epochs")
        process.kill()
    said = latent_tune(tmp_path, "resume", "results/tiny", QUADRATIC_LOG=str(log))
    assert said.code == 0, said.err
    assert Trained.read(log).repeated <= 3


@pytest.mark.slow
def test_a_store_that_is_away_delays_a_study(object_store: ObjectStore, place: str, tmp_path: Path) -> None:
    """It is waited for, with a word on the terminal, and nothing is trained twice."""
    write_study(tmp_path, fixed={"sleep_s": 0.02}, storage=stored(place))
    log = tmp_path / "log"
    with Running(tmp_path, "run", "study.yaml", "--driver", "inline", QUADRATIC_LOG=str(log)) as process:
        process.until(lambda: len(Trained.read(log).lines) >= 6, "six seed-epochs")
        with object_store.away():
            process.until(lambda: "does not answer since" in text_of(process.err), "a word of it")
            assert process.alive
        assert process.wait() == 0, process.said()
    assert "answers again" in process.said()
    assert Trained.read(log).repeated == 0
    assert status(tmp_path / "results" / "tiny")["seed_epochs_redone"] == 0


@pytest.mark.slow
def test_a_study_can_be_stopped_while_the_store_is_away(object_store: ObjectStore, place: str, tmp_path: Path) -> None:
    """A signal ends the wait; what was not saved is trained again, and nothing is lost."""
    write_study(tmp_path, fixed={"sleep_s": 0.02}, storage=stored(place), resources={"stall_after": 8})
    log = tmp_path / "log"
    with Running(tmp_path, "run", "study.yaml", "--driver", "inline", QUADRATIC_LOG=str(log)) as process:
        process.until(lambda: len(Trained.read(log).lines) >= 6, "six seed-epochs")
        with object_store.away():
            process.until(lambda: "does not answer since" in text_of(process.err), "a word of it")
            process.signal(signal.SIGTERM)
            assert process.wait() in (1, 130), process.said()
    said = latent_tune(tmp_path, "resume", "results/tiny", QUADRATIC_LOG=str(log))
    assert said.code == 0, said.err
    assert Trained.read(log).repeated <= 3


def test_what_the_store_refuses_is_said_at_once(object_store: ObjectStore, tmp_path: Path) -> None:
    """A bucket that is not there, and a server that is not: one line, exit code 2, nothing written."""
    for place, word in (
        (object_store.uri("no-such-bucket/lab"), "NO_SUCH_BUCKET"),
        ("s3://bucket/lab?endpoint_override=127.0.0.1:9&scheme=http", "NETWORK_CONNECTION"),
        ("s3://bucket/lab?nonsense=1", "nonsense"),
    ):
        write_study(tmp_path, storage={"shared": place})
        said = here("run", "study.yaml", "--driver", "inline", cwd=tmp_path)
        assert said.code == 2, said.err
        assert len(said.err.splitlines()) == 1
        assert word in said.err
        assert "storage.shared: s3://" in said.err
        assert not (tmp_path / "results").exists()


def test_access_denied_is_said_at_once(tmp_path: Path) -> None:
    """Keys that the server does not know: one line, exit code 2, and the keys are not in it."""
    if (binary := program()) is None:
        pytest.skip("no S3 server here (looked for moto_server beside this Python and on PATH)")
    with ObjectStore(binary, INITIAL_NO_AUTH_ACTION_COUNT="1") as store, pytest.MonkeyPatch.context() as patch:
        for name, value in {**CREDENTIALS, "AWS_SECRET_ACCESS_KEY": "hunter2"}.items():
            patch.setenv(name, value)
        write_study(tmp_path, storage={"shared": store.uri("bucket/lab")})
        for _ in range(3):  # the first are let through, to make users
            said = here("run", "study.yaml", "--driver", "inline", cwd=tmp_path)
        assert said.code == 2, said.err
        assert len(said.err.splitlines()) == 1
        assert "INVALID_ACCESS_KEY_ID" in said.err or "ACCESS_DENIED" in said.err
        assert "hunter2" not in said.err


def test_the_copy_of_a_live_study_is_left_alone(place: str, tmp_path: Path) -> None:
    """While its process lives it is not fetched; a second study of the name is refused."""
    write_study(tmp_path, fixed={"sleep_s": 0.2}, storage=stored(place))
    with Running(tmp_path, "run", "study.yaml", "--driver", "inline") as process:
        process.until((tmp_path / "results" / "tiny" / "owner.json").exists, "the copy")
        time.sleep(0.5)
        said = here("resume", at(place, "tiny"), "--results", tmp_path / "b", cwd=tmp_path)
        assert (said.code, "works on this study" in said.err) == (2, True), said.err
        said = here("run", "study.yaml", "--driver", "inline", "--results", tmp_path / "c", cwd=tmp_path)
        assert (said.code, "does not know" in said.err) == (2, True), said.err
        process.signal(signal.SIGINT)
        assert process.wait() == 130
    assert not (tmp_path / "b" / "tiny").exists()
    assert not (tmp_path / "c").exists()
