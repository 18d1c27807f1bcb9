"""A folder of somebody else's: it is looked at, and what it holds neither calls out nor acts on the terminal."""

import json
import os
import re
import shutil
import socket
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import pytest
import yaml

from tests.behaviour.command import here, write_study
from tests.behaviour.refusals import check_refused, snapshot
from tune.views.report.figures.interactive import plotly_script

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


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished study."""
    cwd = tmp_path_factory.mktemp("finished")
    write_study(cwd, fixed={})
    assert here("run", "study.yaml", "--driver", "inline", cwd=cwd).code == 0
    return cwd / "results" / "tiny"


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


def asked(command: list[str], folder: Path) -> list[str]:
    """A command of a folder."""
    return [part.format(folder) for part in command]


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


@contextmanager
def another_user() -> Iterator[None]:
    """Is somebody else for a while, who owns nothing."""
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else")
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def shown(finished: Path) -> Iterator[Path]:
    """A study where other users can come to, in a folder of its own; its files are the first user's."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        yield Path(shutil.copytree(finished, Path(place, "lab", "tiny")))


PRIVATE: list[tuple[str, Callable[[Path], Path], list[str]]] = [
    ("status of a private folder", lambda folder: folder, ["status", "{}"]),
    ("report of a private folder", lambda folder: folder, ["report", "{}"]),
    ("compare in a private folder", lambda folder: folder, ["compare", "{}", "0", "1"]),
    ("resume of a private folder", lambda folder: folder, ["resume", "{}", "--driver", "inline"]),
    ("status in a private folder", lambda folder: folder.parent, ["status", "{}"]),
    ("status with private decisions", lambda folder: folder / "study.db", ["status", "{}"]),
    ("status with a private study file", lambda folder: folder / "study.yaml", ["status", "{}"]),
    ("status with private curves", lambda folder: folder / "curves", ["status", "{}"]),
    ("status with a private curve", lambda folder: next((folder / "curves").glob("*.parquet")), ["status", "{}"]),
    ("status with private checkpoints", lambda folder: folder / "checkpoints", ["status", "{}"]),
]


@pytest.mark.parametrize(("private", "command"), [case[1:] for case in PRIVATE], ids=[case[0] for case in PRIVATE])
def test_what_may_not_be_read_is_said(private: Callable[[Path], Path], command: list[str], shown: Path) -> None:
    """A second user is told what cannot be read and whom to ask; nothing is called damaged."""
    private(shown).chmod(0o700 if private(shown).is_dir() else 0o600)
    with another_user():
        said = here(*asked(command, shown))
    check_refused(
        said, "cannot be read by this user: Permission denied; ask ", f" to let you read {shown} and all below"
    )
    assert "damaged" not in said.err


def test_a_list_goes_on_without_what_may_not_be_read(shown: Path) -> None:
    """A private study gets a line that says so."""
    shutil.copytree(shown, shown.with_name("other"))
    shown.chmod(0o700)
    with another_user():
        said = here("list", shown.parent)
    assert said.code == 0
    assert re.search(r"^tiny \(other/\) +finished", said.out, re.MULTILINE)
    assert "cannot be read by this user: Permission denied" in said.out


def test_a_folder_that_one_may_only_read(shown: Path, tmp_path: Path) -> None:
    """It is shown as to its owner; a report goes elsewhere or to standard output, or says why it cannot."""
    out = shown.parent.parent / "mine"
    out.mkdir()
    out.chmod(0o777)
    before = snapshot(shown)
    with another_user():
        assert here("status", shown).code == 0
        refused = here("report", shown)
        nowhere = here("report", shown, "--out", "/proc/nowhere")
        written = here("report", shown, "--out", out / "new" / "report")
        printed = here("report", shown, "--print")
    check_refused(refused, f"{shown}: the report cannot be written there: Permission denied; write it elsewhere (--out")
    check_refused(
        nowhere, "/proc/nowhere: the report cannot be written there: ", "give --out a folder in which you may"
    )
    assert written.code == 0, written.err
    files = [out / "new" / "report" / name for name in ("report.md", "report.html", "best.yaml")]
    assert written.out.split() == list(map(str, files))
    assert all(file.is_file() for file in files)
    assert printed.code == 0, printed.err
    assert printed.out.startswith("# tiny\n\nUse x ")
    assert "](figures/" not in printed.out
    assert "](figures/" in files[0].read_text()
    assert snapshot(shown) == before
    check_refused(here("report", shown, "--print", "--out", tmp_path), "not allowed with argument")


ESC = "\x1b[2J\x9b1A\r\u202e[red]x[/red]<b>"
HOSTILE = """\
import socket
from tests.fakes.trainers import Quadratic

class Hostile(Quadratic):
    def __init__(self, config, *others):
        super().__init__(config, *others)
        self.kind = config["kind"]

    def train(self, epochs):
        if self.kind.endswith("b"):
            raise ValueError({0!r})
        yield from super().train(epochs)
"""


def test_nothing_in_a_study_acts_on_the_terminal(cwd: Path) -> None:
    """Names and values of parameters, causes, hosts: every command shows them with their escapes written out."""
    (cwd / "hostile.py").write_text(HOSTILE.format(ESC))
    space = {"x": {"uniform": [0, 1]}, "kind": {"choice": [f"{ESC}a", f"{ESC}b"]}, ESC: {"choice": [1, 2]}}
    write_study(cwd, trainer="hostile:Hostile", space=space, fixed={})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("socket.gethostname", lambda: ESC)
        ran = here("run", "study.yaml", "--driver", "inline", cwd=cwd)
    folder = cwd / "results" / "tiny"
    said = [ran, here("status", folder), here("list", "results"), here("compare", folder, "0", "1")]
    said += [here("status", folder, "--json"), here("report", folder, "--print")]
    said += [here("resume", folder, "--driver", "inline", "--debug"), here("run", "study.yaml", "--dry-run")]
    said += [here("compare", folder, "0", "1", "--epochs", f"{ESC},1"), here("status", f"results/{ESC}", "--debug")]
    texts = [part for one in said for part in (one.out, one.err)]
    kept = ["report.md", "report.html", "latent-tune.log", *(f"logs/{one.name}" for one in folder.glob("logs/*"))]
    assert len(kept) > 3
    texts += [(folder / name).read_text(encoding="utf-8").replace(plotly_script(), "") for name in kept]
    for text in texts:
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", text)
    assert "\\x1b[2J\\x9b1A\\r\\u202e[red]x[/red]" in said[1].out
    assert "[/red]<b>" not in (folder / "report.html").read_text(encoding="utf-8")
