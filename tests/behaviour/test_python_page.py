"""What docs/python.md shows runs as it stands, and its tables are those of the code."""

import re
from pathlib import Path
from typing import Any

import pytest

from tune.views.tables.columns import CURVES, DECISIONS, TRIALS

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_every_block_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, in one notebook so to speak, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "notebook"}
    for block in BLOCKS:
        exec(compile(block, "docs/python.md", "exec"), names)  # noqa: S102 - our own page
    assert len(BLOCKS) == 6
    assert names["result"].best.confirmed
    assert names["report"] == tmp_path / "results" / "first" / "report.md"
    assert len(names["trials"]) == 8
    assert names["figure"].data
    assert len(names["table"]) == 2
    assert sorted(names["everything"]["name"]) == ["first"]
    assert not names["curves"].duplicated(["trial", "seed", "epoch"]).any()
    assert len(names["curves"]) == len(names["result"].curves())
    assert (tmp_path / "tables" / "README.md").is_file()
    assert names["tried"].best is not None


def test_every_column_is_documented() -> None:
    """The page has each column of the tables, its dtype and what it is."""
    for columns in (TRIALS, CURVES, DECISIONS):
        for name, column in columns.items():
            assert f"| `{name}` | {column.dtype} | {column.meaning} |" in PAGE
