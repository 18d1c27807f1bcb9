"""Two folders that name one database do not take each other's study; a folder may be moved."""

import shutil
from pathlib import Path

import pytest

from tests.fakes.clock import Clock
from tests.fakes.studies import quadratic_study
from tune.errors import StudyConflict
from tune.ledger.ledger import Ledger
from tune.ledger.origin.belonging import FILE, replace_folder
from tune.ledger.reader import LedgerReader


def opened(folder: Path, **storage: object) -> Ledger:
    """A study in a database that lies beside all folders, as the first process with the folder opens it."""
    url = f"sqlite:///{folder.parents[1] / 'shared.db'}"
    return Ledger.open(quadratic_study(name="q", storage={"database": url, **storage}), folder, clock=Clock(tick_s=1.0))


def worked_on(folder: Path) -> Path:
    """A study with one trial, that nobody works on."""
    ledger = opened(folder)
    ledger.decide("start", len(ledger.trials), detail={"parameters": {"x": 0.5, "fragile": False}})
    ledger.close("interrupted")
    return folder


def forget_words(folder: Path) -> None:
    """Has a study be as an earlier version left it."""
    ledger = opened(folder)
    ledger._database.set_note("folder", None)
    ledger.close("interrupted")
    (folder / FILE).unlink()


def test_another_folder_does_not_take_the_study(tmp_path: Path) -> None:
    """The second folder with the same database and name is told whose the study is, and nothing is left of it."""
    first = worked_on(tmp_path / "a" / "q")
    with pytest.raises(StudyConflict, match=f"that of {first} on .* and not of {tmp_path}/b/q; .*--set name="):
        opened(tmp_path / "b" / "q")
    assert not (tmp_path / "b").exists()
    assert len(LedgerReader.read(first, clock=Clock()).trials) == 1
    opened(first).close("interrupted")


def test_a_study_of_an_earlier_version_is_not_taken_either(tmp_path: Path) -> None:
    """Without words a folder that holds nothing is refused, and the one that holds the study gets its word."""
    first = worked_on(tmp_path / "a" / "q")
    forget_words(first)
    with pytest.raises(StudyConflict, match="it is that of another folder"):
        opened(tmp_path / "b" / "q")
    opened(first).close("interrupted")
    assert (first / FILE).exists()
    with pytest.raises(StudyConflict, match=f"that of {first}"):
        opened(tmp_path / "b" / "q")


def test_one_of_two_that_shared_a_study_before_goes_on(tmp_path: Path) -> None:
    """Of two folders that an earlier version let take one study, the first to go on keeps it."""
    first = worked_on(tmp_path / "a" / "q")
    forget_words(first)
    second = Path(shutil.copytree(first, tmp_path / "b" / "q"))
    opened(first).close("interrupted")
    for use in (opened, lambda folder: LedgerReader.read(folder, clock=Clock())):
        with pytest.raises(StudyConflict, match=f"that of {first}"):
            use(second)


def test_a_moved_folder_goes_on(tmp_path: Path) -> None:
    """The folder may lie elsewhere the next time, and again."""
    folder = worked_on(tmp_path / "a" / "q")
    for place in ("b", "c"):
        (tmp_path / place).mkdir()
        folder = folder.rename(tmp_path / place / "q")
        opened(folder).close("interrupted")


def test_a_copy_is_refused_while_the_original_is_there(tmp_path: Path) -> None:
    """Both would write to one database; the copy may be read, and goes on when the original is gone."""
    first = worked_on(tmp_path / "a" / "q")
    copy = Path(shutil.copytree(first, tmp_path / "b" / "q"))
    with pytest.raises(StudyConflict, match=f"is a copy of {first}, and both would write"):
        opened(copy)
    assert len(LedgerReader.read(copy, clock=Clock()).trials) == 1
    opened(first).close("interrupted")
    shutil.rmtree(first)
    opened(copy).close("interrupted")


def test_a_folder_from_the_shared_copy_takes_the_place_of_the_first(tmp_path: Path) -> None:
    """What was brought from `storage.shared` goes on, and the folder that it stands for is shut out from then on."""
    first = worked_on(tmp_path / "a" / "q")
    brought = Path(shutil.copytree(first, tmp_path / "b" / "q"))
    replace_folder((first / FILE).read_bytes(), brought)
    opened(brought).close("interrupted")
    with pytest.raises(StudyConflict, match=f"that of {brought}"):
        opened(first)
    opened(brought).close("interrupted")


def test_a_lost_word_shuts_nobody_out(tmp_path: Path) -> None:
    """Where the file with the word is damaged or gone, the folder that lies where it was is still the study's."""
    first = worked_on(tmp_path / "a" / "q")
    for content in (b"", b"[]", b"{"):
        (first / FILE).write_bytes(content)
        opened(first).close("interrupted")
    (first / FILE).unlink()
    opened(first).close("interrupted")


def test_a_database_in_the_folder_needs_no_word(tmp_path: Path) -> None:
    """A folder with its own file may be copied, and both go on."""
    folder = tmp_path / "a" / "q"
    study = quadratic_study(name="q")
    Ledger.open(study, folder, clock=Clock(tick_s=1.0)).close("interrupted")
    copy = Path(shutil.copytree(folder, tmp_path / "b" / "q"))
    for one in (copy, folder):
        Ledger.open(study, one, clock=Clock(tick_s=1.0)).close("interrupted")
    assert not (folder / FILE).exists()
