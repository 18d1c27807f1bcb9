"""What a study keeps of what a tracker was told."""

from pathlib import Path

from tune.views.trackers.marks import Marks


def test_the_last_word_on_a_run_counts(tmp_path: Path) -> None:
    """Another process reads what was kept, in a file that is short again."""
    marks = Marks(tmp_path / "folder" / "marks")
    for place in range(1, 100):
        marks.note("one", place)
    marks.note("two", 4, "paused")
    marks.close()
    again = Marks(tmp_path / "folder" / "marks")
    assert (again.told("one"), again.state("one")) == (99, "")
    assert (again.told("two"), again.state("two")) == (4, "paused")
    assert (again.told("three"), again.state("three")) == (0, "")
    assert (tmp_path / "folder" / "marks").read_text().count("\n") == 2


def test_a_line_that_makes_no_sense_is_passed_over(tmp_path: Path) -> None:
    """Cut short by a kill, or damaged: what it said is told again, and what comes after it is read."""
    file = tmp_path / "marks"
    file.write_bytes(
        b'["one", 2, ""]\n\xff\xfe\n{"one": 3}\n["one", "4", ""]\n[1, 2, 3]\n["two", 6, "paused"]\n["one", 9'
    )
    marks = Marks(file)
    marks.note("three", 2)
    marks.close()
    again = Marks(file)
    assert [again.told(name) for name in ("one", "two", "three")] == [2, 6, 2]


def test_what_is_told_once_needs_no_file(tmp_path: Path) -> None:
    """Without a file they are kept as long as the object."""
    marks = Marks(None)
    marks.note("one", 3, "failed")
    assert (marks.told("one"), marks.state("one")) == (3, "failed")
    marks.close()
    assert list(tmp_path.iterdir()) == []
