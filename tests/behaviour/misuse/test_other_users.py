"""A folder of somebody else's on one machine: what may not be read or written is said."""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.behaviour.command import here
from tests.behaviour.refusals import asked, check_refused, snapshot


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
