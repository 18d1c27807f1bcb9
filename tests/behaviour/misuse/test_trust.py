"""A folder of somebody else's: it is looked at, and what it holds calls nobody."""

import json
import re
import shutil
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pytest
import yaml

from tests.behaviour.command import here, write_study
from tests.behaviour.refusals import asked, check_refused, snapshot

SECRETS = {"PGPASSWORD": "hunter2", "AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "hunter2"}


class Host:
    """A host that notes who calls, and hangs up."""

    def __init__(self) -> None:
        self.calls = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._answer, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def _answer(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._socket.accept()
                self.calls += 1
                caller.close()


@pytest.fixture
def host() -> Iterator[Host]:
    """A stranger's."""
    with Host() as one:
        yield one


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(finished, tmp_path / "strangers" / "tiny"))


def name_in_study(folder: Path, **storage: Any) -> None:
    """Has `study.yaml` name a server, as whoever made the folder could."""
    file = folder / "study.yaml"
    study = yaml.safe_load(file.read_text())
    study["storage"] |= storage
    file.write_text(yaml.safe_dump(study, sort_keys=False) + "...\n")


def name_in_decisions(folder: Path, database: str) -> None:
    """Has only the decisions name a server, from which the study is read where `study.yaml` is gone."""
    with sqlite3.connect(folder / "study.db") as connection:
        connection.execute(
            "UPDATE latent_tune_decisions SET decision = replace(decision, '\"database\": null', ?)",
            (f'"database": {json.dumps(database)}',),
        )
    connection.close()
    (folder / "study.yaml").unlink()


READERS = [
    ["status", "{}"],
    ["status", "{}", "--json"],
    ["report", "{}"],
    ["report", "{}", "--print"],
    ["report", "{}", "--out", "elsewhere"],
    ["compare", "{}", "0", "1"],
    ["tensorboard", "{}", "--port", "0"],
]
DATABASES = [
    "postgresql+psycopg://tuner@127.0.0.1:{port}/lab",
    "postgresql+psycopg://tuner:word@127.0.0.1:{port}/lab?sslmode=disable",
    "postgresql+psycopg:///lab?host=127.0.0.1&port={port}",
    "postgresql:///lab",
    "mysql+pymysql://127.0.0.1:{port}/lab",
    "sqlite://127.0.0.1:{port}/lab",
]


@pytest.mark.parametrize("command", READERS, ids=" ".join)
def test_no_reader_connects_unasked(command: list[str], host: Host, folder: Path, cwd: Path) -> None:
    """A study.yaml that names a server is refused, with what to do; nobody is called and nothing written."""
    name_in_study(folder, database=DATABASES[0].format(port=host.port))
    before = snapshot(cwd)
    said = here(*asked(command, folder), **SECRETS, PGHOST="127.0.0.1", PGPORT=str(host.port))
    check_refused(said, "its decisions are kept by a server, ", f"tuner@127.0.0.1:{host.port}/lab", "add --connect")
    assert snapshot(cwd) == before
    assert host.calls == 0


@pytest.mark.parametrize("database", DATABASES)
def test_no_database_is_connected_to_unasked(database: str, host: Host, folder: Path) -> None:
    """However the server is named, in the study file or in the decisions alone; its password is not shown."""
    other = Path(shutil.copytree(folder, folder.with_name("other")))
    name_in_study(folder, database=database.format(port=host.port))
    name_in_decisions(other, database.format(port=host.port))
    for place in (folder, other):
        said = here("status", place, **SECRETS, PGHOST="127.0.0.1", PGPORT=str(host.port))
        check_refused(said, "its decisions are kept by a server, ", "add --connect")
        assert ":word@" not in said.err
    assert host.calls == 0


def test_told_to_connect_it_does(host: Host, folder: Path) -> None:
    """`--connect` is all it takes; `resume` needs none; both name the server."""
    name_in_study(folder, database=DATABASES[0].format(port=host.port))
    check_refused(here("status", folder, "--connect", **SECRETS), "the study's database cannot be opened")
    assert host.calls > 0
    before, said = host.calls, here("resume", folder, "--driver", "inline", **SECRETS)
    check_refused(said, f"postgresql+psycopg://tuner@127.0.0.1:{host.port}/lab: the study's database cannot be opened")
    assert host.calls > before


def test_a_run_connects_to_what_its_own_file_names(host: Host, folder: Path, cwd: Path) -> None:
    """A folder that names another database than the study file is another study, which nobody said to connect to."""
    name_in_study(folder, database=DATABASES[0].format(port=host.port))
    write_study(cwd, fixed={})
    said = here("run", "study.yaml", "--results", folder.parent, "--driver", "inline", **SECRETS)
    check_refused(said, "holds another study of the name 'tiny'", "storage.database: there postgresql+psycopg://tuner@")
    assert host.calls == 0


def test_a_list_goes_on_without_that_study(host: Host, folder: Path) -> None:
    """Its line says why it is not shown; the others are, and the exit code is 0."""
    shutil.copytree(folder, folder.with_name("other"))
    name_in_study(folder, database=DATABASES[0].format(port=host.port))
    said = here("list", folder.parent, **SECRETS)
    assert said.code == 0
    assert re.search(r"^tiny \(other/\) +finished", said.out, re.MULTILINE)
    assert "its decisions are kept by a server" in said.out
    told = json.loads(here("list", folder.parent, "--json", **SECRETS).out)
    assert [one["folder"] for one in told["studies"]] == [str(folder.with_name("other"))]
    assert "add --connect" in told["others"][0]["why"]
    assert host.calls == 0
    here("list", folder.parent, "--connect", **SECRETS)
    assert host.calls > 0


@pytest.mark.parametrize("command", [*READERS[:-1], ["list", "{}/.."]], ids=" ".join)
def test_no_object_store_is_asked_unasked(command: list[str], host: Host, folder: Path, cwd: Path) -> None:
    """A study whose checkpoints lie in an object store is shown without them."""
    name_in_study(folder, shared=f"s3://lab/x?endpoint_override=127.0.0.1:{host.port}&scheme=http")
    said = here(*asked(command, folder), cwd=cwd, **SECRETS)
    assert said.code == 0, said.err
    if command == READERS[0]:
        assert "not looked at, in the object store s3://lab/x/tiny/checkpoints (--connect)" in said.out
    if command == READERS[1]:
        assert json.loads(said.out)["checkpoint_bytes"] is None
    assert host.calls == 0


@pytest.mark.parametrize(
    ("statement", "part"),
    [
        ("DROP TABLE latent_tune_notes", "no such table: latent_tune_notes; put a copy of it back"),
        ("DROP TABLE latent_tune_decisions", "no such table: latent_tune_decisions; put a copy of it back"),
        (
            "UPDATE latent_tune_decisions SET decision = replace(decision, '\"time\": ', '\"time\": 999')",
            "its time is ",
        ),
        ("UPDATE latent_tune_decisions SET decision = replace(decision, '\"time\": ', '\"at\": ')", "cannot be: "),
    ],
)
@pytest.mark.parametrize("command", [READERS[0], READERS[2], READERS[5]], ids=" ".join)
def test_a_database_from_elsewhere_is_told(command: list[str], statement: str, part: str, folder: Path) -> None:
    """Tables that are missing and times that are none, as another version or program leaves them."""
    with sqlite3.connect(folder / "study.db") as connection:
        connection.execute(statement)
    connection.close()
    check_refused(here(*asked(command, folder)), part)
