"""Settings to begin with, from a table of earlier results."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tune.errors import FileMistakes, UserMistake
from tune.study.reading import read_study
from tune.study.settings.starting_points import EarlierTrial
from tune.study.study import Study, dump_study

STUDY = """
name: begun
trainer: "a:B"
seeds: [1, 2]
epochs: 4
fixed: {depth: 2}
space:
  lr: {log_uniform: [1.0e-4, 1]}
  width: {int: [8, 64], step: 8}
  schedule: {choice: [constant, cosine]}
  warmup: {uniform: [0, 0.5], step: 0.1, when: {schedule: cosine}}
  layers: {choice: [[64, 64], [128]]}
where: ["width <= 64 * lr * 100"]
search: {enqueue: earlier.csv}
"""


def begun(folder: Path, table: str | bytes, told: list[str] | None = None) -> Study:
    """A study that begins with what a table beside it says."""
    (folder / "study.yaml").write_text(STUDY)
    (folder / "earlier.csv").write_bytes(table if isinstance(table, bytes) else table.encode())
    return read_study(folder / "study.yaml", tell=[].append if told is None else told.append)


def test_a_table_says_what_is_tried_first(tmp_path: Path) -> None:
    """Row by row, each setting once; other columns are told and left out, as is what does not exist in a setting."""
    told: list[str] = []
    table = """\ufefflr,width,schedule,params_warmup,layers,val_loss,depth
0.1,64.0,cosine,0.30000000000000004,"[64, 64]",0.2,2
1e-1,16,constant,0.1,[128],0.1,2
0.1,64,cosine,0.3,"[64, 64]",0.2,2
.5,,,,,0.3,2
"""
    study = begun(tmp_path, table, told)
    assert study.search.enqueue == [
        {"lr": 0.1, "width": 64, "schedule": "cosine", "warmup": 0.3, "layers": [64, 64]},
        {"lr": 0.1, "width": 16, "schedule": "constant", "layers": [128]},
        {"lr": 0.5},
    ]
    assert told == [
        "earlier.csv: 3 settings of 4 trials are tried first",
        "earlier.csv: left out, because no parameter has that name: val_loss",
    ]
    assert "earlier.csv" not in dump_study(study)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("lr,width\n0.1,64\n5,64\n", "earlier.csv: row 2: lr 5 is outside of what is searched; widen space.lr"),
        ("lr,width\n0.1,63\n", "row 1: width 63 is outside"),
        ("lr,schedule\n0.1,linear\n", "row 1: schedule 'linear' is outside"),
        ("lr,width\n0.001,64\n", "row 1: violates `where`, width <= 64 * lr * 100: not so with width 64, lr 0.001"),
        ("loss,epoch\n0.1,63\n", "no column is a parameter; it has loss, epoch, the space has lr, width, schedule"),
        ("", "no column is a parameter; it has none"),
        ("lr,lr\n1,1\n", "column 'lr' stands twice"),
        ("lr\n0.1,2\n", "row 1 has more cells than the header"),
        (b"lr\n\xff\xfe\x00\n", "cannot be read as CSV"),
        ("lr\n" + "0.1\n" * 1001, "holds 1,001 rows; at most 1,000"),
        ("lr\n" + "nan\n", "row 1: lr nan is outside"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_meant_is_refused(tmp_path: Path, table: str | bytes, said: str) -> None:
    """With the row, what stands there and what is allowed, at the line of the study file that names it."""
    with pytest.raises(FileMistakes) as caught:
        begun(tmp_path, table)
    assert said in str(caught.value)
    assert "line 14: search.enqueue: earlier.csv: " in str(caught.value)


def test_all_rows_that_are_wrong_are_told_up_to_a_limit(tmp_path: Path) -> None:
    """Twenty of them, and how many more there are."""
    with pytest.raises(FileMistakes) as caught:
        begun(tmp_path, "lr\n" + "7\n" * 50)
    assert len(caught.value.mistakes) == 21
    assert "and 30 more like these" in str(caught.value)


def test_a_table_that_is_not_there_is_looked_for_beside_the_study(tmp_path: Path) -> None:
    """The message says where; once it was read, the study does not need it any more."""
    study = begun(tmp_path, "lr\n0.1\n")
    (tmp_path / "earlier.csv").unlink()
    (tmp_path / "kept.yaml").write_text(dump_study(study))
    assert read_study(tmp_path / "kept.yaml").search.enqueue == [{"lr": 0.1}]
    with pytest.raises(FileMistakes, match=f"no such file or study folder; it is looked for from {tmp_path}"):
        read_study(tmp_path / "study.yaml")


def test_an_earlier_study_is_asked_for_its_trials(tmp_path: Path) -> None:
    """By its folder; what it cannot tell is said, and where nobody reads folders that is said as well."""
    (tmp_path / "study.yaml").write_text(STUDY.replace("earlier.csv", "results/old"))
    (tmp_path / "results/old").mkdir(parents=True)

    def earlier(folder: Path) -> Sequence[EarlierTrial]:
        assert folder == tmp_path / "results/old"
        values: dict[str, Any] = {"lr": 0.1, "width": 8, "dropout": 0.1, "depth": 2}
        return [EarlierTrial("trial 3", values)]

    def empty(_: Path) -> Sequence[EarlierTrial]:
        raise UserMistake("no trial of this study is confirmed")

    assert read_study(tmp_path / "study.yaml", (), earlier).search.enqueue == [{"lr": 0.1, "width": 8}]
    with pytest.raises(FileMistakes, match="results/old: no trial of this study is confirmed"):
        read_study(tmp_path / "study.yaml", (), empty)
    with pytest.raises(FileMistakes, match="results/old: is a folder; export its trials"):
        read_study(tmp_path / "study.yaml")


def test_what_is_wrong_with_the_space_is_said_of_the_space(tmp_path: Path) -> None:
    """And nothing of the table, which could not be understood."""
    (tmp_path / "earlier.csv").write_text("lr\n0.1\n")
    for wrong, said in (("[1.0e-4, 1]", "space.lr"), ('"width <= 64 * lr * 100"', "where.0")):
        (tmp_path / "study.yaml").write_text(STUDY.replace(wrong, "[1, 0]" if wrong[0] == "[" else '"width <"'))
        with pytest.raises(FileMistakes) as caught:
            read_study(tmp_path / "study.yaml")
        assert caught.value.mistakes[0].path.startswith(said)
        assert "earlier" not in str(caught.value)
