"""The lines of user code in docs/side_by_side.md are those of the programs."""

import json
from pathlib import Path

import pytest

from benchmarks.record import RESULTS
from benchmarks.side_by_side.compare import PAGE, TOOLS, code_lines, lines_of, table, yaml_lines


def test_the_page_says_what_was_counted_and_run() -> None:
    """The table is that of the recorded result, and the lines in it are those of the files as they stand."""
    rows = json.loads((RESULTS / "side_by_side.json").read_text())["rows"]
    assert table(rows) in PAGE.read_text(encoding="utf-8")
    counted = [{key: row[key] for key in ("python_lines", "yaml_lines")} for row in rows]
    assert counted == [lines_of(tool) for tool in TOOLS.values()]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('"""A docstring\nof two lines."""\n\nimport x  # why\n\n# a comment\n', 1),
        ('def f() -> None:\n    """What it does."""\n    return g(\n        1,\n    )\n', 4),
        ('text = """one\n\ntwo"""\n', 3),
    ],
)
def test_lines_that_hold_code_are_counted(text: str, count: int) -> None:
    """Blank lines, comments and docstrings are none; a string that is used is."""
    assert code_lines(text) == count


def test_lines_of_yaml_are_counted() -> None:
    """Blank lines and comments are none."""
    assert yaml_lines("# a study\nname: x\n\nspace:\n  y: 1\n") == 3


def test_every_program_is_of_a_tool() -> None:
    """Nothing in the folder is left out of the count but the training itself and what counts."""
    folder = Path(PAGE).parents[1] / "benchmarks" / "side_by_side"
    files = {path.name for path in folder.iterdir() if path.suffix in (".py", ".yaml")}
    assert files == {name for tool in TOOLS.values() for name in tool.files} | {"digits.py", "compare.py"}
