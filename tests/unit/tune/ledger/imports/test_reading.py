"""Which runs are meant."""

from pathlib import Path

import pytest

from tests.fakes.runs_elsewhere import curve, write_events, write_mlflow, write_wandb
from tune.errors import UserMistake
from tune.ledger.imports import run as limits
from tune.ledger.imports.reading import asked, read_runs


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("results/a", "tb/big/one"):
        Path(folder).mkdir(parents=True)
    Path("earlier.csv").write_text("run,epoch,loss\nx/y,1,3\nz,1,2\n")
    Path("o.db").touch()


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["results/a", "3", "7"], [("results/a", "results/a", None, ("3", "7"))]),
        (["results/a/3", "results/a/7"], [("results/a", "results/a", None, ("3", "7"))]),
        (["./results/a/", "0"], [("./results/a", "results/a", None, ("0",))]),
        (["earlier.csv", "tb/big"], [("earlier.csv", "earlier.csv", None, ()), ("tb/big", "tb/big", None, ())]),
        (["earlier.csv/x/y"], [("earlier.csv", "earlier.csv", None, ("x/y",))]),
        (["o.db:first"], [("o.db:first", "o.db", "first", ())]),
        (["o.db:first/3", "4"], [("o.db:first", "o.db", "first", ("3", "4"))]),
    ],
)
def test_what_is_asked_of_each_source(arguments: list[str], meant: list[tuple[object, ...]]) -> None:
    """Numbers choose among the runs of the source before them; what is no path is a path and a run in it."""
    assert [(one.source, str(one.path), one.study, one.keys) for one in asked(arguments)] == meant


def test_every_kind_of_source_is_known_by_what_lies_there() -> None:
    """A table, event files, a run of MLflow's and one of W&B's side by side."""
    write_events(Path("tb/one"), {"loss": curve(3, 2)})
    write_mlflow(Path("mlruns/0/abc"), {}, {"loss": curve(3, 2)})
    write_wandb(Path("wandb/run-1-abc"), {}, {}, "_step,loss\n0,3\n1,2\n")
    Path("h.jsonl").write_text('{"epoch": 1, "loss": 3}\n{"epoch": 2, "loss": 2}\n')
    runs = read_runs(["earlier.csv/z", "tb", "mlruns", "wandb", "h.jsonl"])
    assert [run.source for run in runs] == ["earlier.csv", "tb", "mlruns", "wandb", "h.jsonl"]
    assert [run.curve("loss") for run in runs[1:]] == [curve(3, 2)] * 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "nothing: no such file, folder or run, looked for from .*; a run is STUDY_FOLDER/NUMBER"),
        (["3"], "3: no such file, folder or run"),
        ([" "], "an empty name is no run"),
        (["earlier.csv/w"], "earlier.csv: no run 'w' in it; allowed: x/y, z"),
        (["earlier.csv", "5"], "earlier.csv: no run '5' in it"),
        (["results"], "results: holds no runs that can be read; looked for: a study"),
        (["notes.txt"], "notes.txt: is read by its ending"),
        (["a\0b"], "no such file, folder or run"),
        (["x" * 5000], "no such file, folder or run"),
    ],
)
def test_what_is_no_run(arguments: list[str], said: str) -> None:
    """One message that says what was looked for."""
    Path("notes.txt").touch()
    with pytest.raises(UserMistake, match=said):
        read_runs(arguments)


def test_a_folder_of_studies_says_which_there_are() -> None:
    """And a study alone asks for the trial."""
    Path("results/a/study.yaml").write_text("name: a\n")
    with pytest.raises(UserMistake, match=r"results: holds studies \(a\); say which trial: results/a/NUMBER"):
        read_runs(["results"])
    with pytest.raises(UserMistake, match="results/a: is a study; say which of its trials: results/a/NUMBER"):
        read_runs(["results/a"])


def test_a_file_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of whatever kind; said with its size and what to do."""
    monkeypatch.setattr(limits, "MOST_BYTES", 10)
    Path("h.json").write_text("[" + "1," * 100)
    write_events(Path("tb/one"), {"loss": curve(3, 2)})
    for source in ("earlier.csv", "h.json", "tb"):
        with pytest.raises(UserMistake, match="bytes; at most 10 are read; keep the runs and columns"):
            read_runs([source])
