"""A recording with a mistake: exit code 2, one message with file, row, column and rule, and nothing written."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.behaviour.command import here, write_study
from tests.behaviour.refusals import LATENT, SPLIT, STUDY, Array, check_refused, snapshot, voltages


def with_value(row: int, column: int, value: float) -> Array:
    """A recording with one value changed."""
    changed = voltages()
    changed[row, column] = value
    return changed


def still(column: int) -> Array:
    """A recording with a neuron that never changes."""
    changed = voltages()
    changed[:, column] = 0.5
    return changed


NINE = np.zeros((60, 4, 9), np.float32)


RECORDINGS: list[tuple[str, Array | None, dict[str, Any], list[str]]] = [
    ("missing", None, {}, ["recording.path: voltages.npy does not exist"]),
    (
        "objects",
        np.array([[{}] * 4] * 60, dtype=object),
        {},
        ["voltages.npy holds Python objects, which are never unpick"],
    ),
    (
        "not a number",
        with_value(37, 2, np.nan),
        {},
        ["voltages.npy must be finite (in float32), got nan at row 37, colu"],
    ),
    (
        "infinite",
        with_value(3, 1, np.inf),
        {},
        ["voltages.npy must be finite (in float32), got inf at row 3, column 1"],
    ),
    ("a constant neuron", still(1), {}, ["voltages.npy has 1 of 4 neurons that never change (columns 1)"]),
    ("a vector", voltages()[0], {}, ["voltages.npy must be a matrix [T, N], got shape (4,)"]),
    ("no column", NINE, {}, ["recording.column: must be one of INDEX, XPOS, YPOS, VOLTAGE", "got none"]),
    ("a wrong column", NINE, {"column": "VOLTS"}, ["recording.column: must be one of INDEX", "got 'VOLTS'"]),
    (
        "a column of a matrix",
        voltages(),
        {"column": "VOLTAGE"},
        ["recording.column: only [T, N, 9] files have columns"],
    ),
    (
        "split beyond the end",
        voltages(),
        {"split": {**SPLIT, "test": [45, 61]}},
        ["recording.split.test: must end at or before the recording's 60 rows, got [45, 61]"],
    ),
    (
        "splits overlapping",
        voltages(),
        {"split": {**SPLIT, "validation": [29, 45]}},
        ["recording.split.validation: overlaps train; got [29, 45] and [0, 30]"],
    ),
    (
        "split backwards",
        voltages(),
        {"split": {**SPLIT, "train": [30, 0]}},
        ["recording.split.train: must be [start, stop)"],
    ),
    ("misspelt key", voltages(), {"splitt": {}}, ["recording.splitt: unknown key; did you mean 'split'?"]),
    (
        "columns that are not there",
        voltages(),
        {"columns": [0, 4]},
        ["recording.columns: voltages.npy has no numeric column 4; allowed are 0 to 3"],
    ),
    ("two sources", voltages(), {"simulate": {}}, ["recording: needs either simulate or path, got both"]),
]


@pytest.mark.parametrize(
    ("array", "changes", "parts"), [case[1:] for case in RECORDINGS], ids=[case[0] for case in RECORDINGS]
)
def test_a_wrong_recording_is_refused(
    cwd: Path, array: Array | None, changes: dict[str, Any], parts: list[str]
) -> None:
    """A recording is checked whole before a study begins: the file, the row, the column, the rule."""
    write_study(cwd, **{**LATENT, "recording": {**LATENT["recording"], **changes}})
    if array is not None:
        np.save(cwd / "voltages.npy", array)
    before = snapshot(cwd)
    check_refused(here(*STUDY), *parts)
    assert snapshot(cwd) == before


@pytest.mark.parametrize("left", [0, 5, 100, 500])
def test_a_truncated_recording_is_refused(cwd: Path, left: int) -> None:
    """However little is left of a file, it is refused before anything is read from it."""
    write_study(cwd, **LATENT)
    np.save(cwd / "voltages.npy", voltages())
    os.truncate(cwd / "voltages.npy", left)
    before = snapshot(cwd)
    check_refused(here(*STUDY), "recording.path: voltages.npy is ")
    assert snapshot(cwd) == before


BATCHES: list[tuple[dict[str, Any], str]] = [
    (
        {"fixed": {"hidden_units": 8, "batch_size": 31}},
        "fixed.batch_size: must be at most the 30 training rows",
    ),
    (
        {"space": {**LATENT["space"], "batch_size": {"choice": [40, 64]}}},
        "space.batch_size: must be at most the 30 training rows, got 64",
    ),
    ({"fixed": {"use_stimulus": True, "batch_size": 8}}, "fixed.use_stimulus: is true, but the recording voltages.npy"),
]


@pytest.mark.parametrize(("changes", "part"), BATCHES)
@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_a_configuration_that_does_not_fit_the_recording_is_refused(
    cwd: Path, changes: dict[str, Any], part: str, options: list[str]
) -> None:
    """What the recording and a configuration tell together is found before anything is trained or written."""
    write_study(cwd, **{**LATENT, **changes})
    np.save(cwd / "voltages.npy", voltages())
    before = snapshot(cwd)
    said = here(*STUDY, *options)
    assert (said.code, part in said.err) == (2, True), said
    assert snapshot(cwd) == before


def test_a_batch_that_does_not_fit_is_left_out_where_others_do(cwd: Path) -> None:
    """The plan says which settings are not trained and why, and the study is not refused for them."""
    write_study(cwd, **{**LATENT, "space": {**LATENT["space"], "batch_size": {"choice": [8, 64]}}})
    np.save(cwd / "voltages.npy", voltages())
    said = here(*STUDY, "--dry-run")
    assert said.code == 0, said.err
    assert "of the space, and other settings are drawn instead:" in said.out
    assert "space.batch_size: must be at most the 30 training rows, got 64" in said.out


def test_every_study_says_what_it_read(cwd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan, start, log and report say rows, neurons, type, file, what was left out, and what looks strange."""
    monkeypatch.setenv("LATENT_TUNE_CACHE", str(cwd / "cache"))
    columns = {f"n{number}": column for number, column in enumerate(voltages().T * 100)}
    pq.write_table(pa.table({**columns, "__index_level_0__": range(60)}), cwd / "a.parquet")
    changes = {"fixed": {"hidden_units": 8, "batch_size": 8}, "rungs": [{"epochs": 1, "seeds": 2}]}
    changes |= {"recording": {"path": "a.parquet", "split": SPLIT}, "search": {"method": "random", "trials": 1}}
    write_study(cwd, **{**LATENT, **changes})
    lines = [
        "60 rows x 4 neurons, float32, from a.parquet (left out: __index_level_0__, index)",
        "a typical neuron has mean ",
    ]
    planned, ran = here(*STUDY, "--dry-run"), here(*STUDY)
    log, report = (cwd / "results" / "tiny" / name for name in ("latent-tune.log", "report.md"))
    for said in (planned.out, ran.out, log.read_text(), report.read_text().replace("\\_", "_")):
        for line in lines:
            assert f"ecording: {line}" in said


def test_a_trainer_that_says_nothing_is_spoken_for(cwd: Path) -> None:
    """Of any trainer's study the files that its recording names are told, with size and checksum."""
    np.save(cwd / "voltages.npy", voltages())
    write_study(cwd, recording={"data": {"file": "voltages.npy"}}, fixed={}, search={"method": "random", "trials": 1})
    assert "recording: voltages.npy (1,088 bytes, sha256 " in here(*STUDY).out
