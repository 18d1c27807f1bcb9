"""Tables with runs in them."""

from math import isnan
from pathlib import Path

import pytest

from tests.fakes.ledgers import played
from tests.fakes.runs_elsewhere import curve
from tune.errors import UserMistake
from tune.ledger.imports.run import ImportedRun
from tune.ledger.imports.table import read_table
from tune.ledger.reader import LedgerReader
from tune.views.results import gather
from tune.views.tables.export import write_csv, write_parquet


def read(folder: Path, text: str, name: str = "earlier.csv", metrics: tuple[str, ...] = ()) -> list[ImportedRun]:
    (folder / name).write_text(text)
    return read_table(folder / name, name, metrics)


def test_a_column_called_epoch_makes_curves(tmp_path: Path) -> None:
    """Numbers that change are metrics, those that do not and texts are parameters; the seed is neither."""
    rows = "run,seed,lr,opt,epoch,val_loss\na,7,0.1,adam,1,3\na,7,0.1,adam,2,2\nb,8,0.2,adam,1,nan\nb,8,0.2,adam,2,\n"
    first, second = read(tmp_path, rows)
    assert (first.key, first.seed, first.configuration) == ("a", 7, {"lr": 0.1, "opt": "adam"})
    assert first.curves == {"val_loss": curve(3, 2)}
    assert list(second.curves["val_loss"]) == [1]
    assert isnan(second.curves["val_loss"][1])


def test_without_names_a_run_begins_where_the_epoch_does_not_rise(tmp_path: Path) -> None:
    """Epochs that are counted from 0 become those from 1; a rate that changes is a metric."""
    first, second = read(tmp_path, "epoch,lr,loss\n0,0.1,3\n1,0.05,2\n0,0.2,4\n1,0.1,1\n")
    assert first.curves == {"lr": curve(0.1, 0.05), "loss": curve(3, 2)}
    assert second.curves["loss"] == curve(4, 1)
    assert first.configuration == {}


def test_without_an_epoch_each_row_is_a_run(tmp_path: Path) -> None:
    """Numbers are metrics by their names, or by what stands before these; --metric makes any column one."""
    rows = "name,batch_size,metrics.speed,loss,loss_weight,quality\nfast,32,9.5,0.1,2,5\nslow,64,1.5,0.2,2,6\n"
    fast, slow = read(tmp_path, rows)
    assert fast.finals == {"speed": 9.5, "loss": 0.1}
    assert slow.configuration == {"batch_size": 64, "loss_weight": 2, "quality": 6}
    assert read(tmp_path, rows, metrics=("quality",))[0].finals["quality"] == 5


def test_seconds_of_epochs_are_added_and_those_since_the_beginning_are_not(tmp_path: Path) -> None:
    """`seconds` is of each epoch; `_runtime` is W&B's clock."""
    (run,) = read(tmp_path, "epoch,seconds,loss\n1,2,3\n2,4,2\n")
    assert run.seconds == 6
    (run,) = read(tmp_path, "_step,_runtime,_timestamp,loss\n0,2,1000,3\n1,4,1003,2\n")
    assert run.seconds == 4
    assert run.curves["loss"] == curve(3, 2)


def test_a_chart_that_wandb_exports_has_a_column_per_run(tmp_path: Path) -> None:
    """The ends of what it summarises are left out."""
    head = '"Step","lr1 - val_loss","lr1 - val_loss__MIN","lr1 - val_loss__MAX","lr2 - val_loss","lr2 - val_loss__MIN"'
    first, second = read(tmp_path, f"{head}\n0,3,3,3,5,5\n1,2,2,2,,\n")
    assert (first.key, first.curves) == ("lr1", {"val_loss": curve(3, 2)})
    assert (second.key, second.curves) == ("lr2", {"val_loss": curve(5)})


def test_runs_that_the_api_of_wandb_listed(tmp_path: Path) -> None:
    """As W&B's guide exports a project: mappings in cells, of which nothing is run."""
    rows = (
        ",summary,config,name\n"
        "0,\"{'loss': 0.1, '_runtime': 9, 'bad': nan}\",\"{'lr': 0.1, 'net': {'width': 8}, 'seed': 3}\",first\n"
    )
    (run,) = read(tmp_path, rows)
    assert (run.key, run.seed, run.configuration) == ("first", 3, {"lr": 0.1, "net.width": 8})
    assert run.finals["loss"] == 0.1
    assert run.seconds == 9
    with pytest.raises(UserMistake, match="row 1: config and summary must be mappings"):
        read(tmp_path, "summary,config,name\n{},__import__('os').getcwd(),x\n")


def test_our_own_exports_are_read_back(tmp_path: Path) -> None:
    """curves.csv with the parameters beside it, and the Parquet file, tell every run as the ledger does."""
    ledger = played(tmp_path / "batch-norm")
    results = gather(LedgerReader.read(ledger.folder, clock=lambda: 0.0))
    write_csv(results, tmp_path / "tables")
    write_parquet(results, tmp_path / "curves.parquet")
    for file in (tmp_path / "tables" / "curves.csv", tmp_path / "curves.parquet"):
        runs = [run for run in read_table(file, "x") if run.key == "3"]
        assert [run.seed for run in runs] == list(ledger.trained(3))[: len(runs)]
        for run in runs:
            assert {name: run.configuration[name] for name in ledger.trials[3].parameters} == pytest.approx(
                ledger.trials[3].parameters
            )
            assert list(run.curves["validation_loss"].values()) == pytest.approx(ledger.curve(3, run.seed or 0))
    own = read_table(tmp_path / "tables" / "trials.csv", "x")
    assert {run.key for run in own} == {str(trial.number) for trial in ledger.trials}
    assert own[0].finals.keys() >= {"mean", "score"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("epoch,loss\n", "holds no row"),
        ("a,b\n1,2\n", "no column looks like a metric; it has a, b; name it with --metric"),
        ("loss,loss\n1,2\n", "column 'loss' stands twice"),
        ("loss\n1\n2,3\n", "cannot be read as CSV"),
    ],
)
def test_a_table_that_holds_no_runs(text: str, said: str, tmp_path: Path) -> None:
    """One message that says what is wanted."""
    with pytest.raises(UserMistake, match=said):
        read(tmp_path, text)


def test_tables_as_other_tools_write_them(tmp_path: Path) -> None:
    """Semicolons; Ray Tune's progress, MLflow's list of runs, Lightning's rows of which each tells a part."""
    (run,) = read(tmp_path, "epoch;loss\n1;3\n2;2\n")
    assert run.curves == {"loss": curve(3, 2)}
    ray = "training_iteration,trial_id,config/lr,loss,pid,done,time_total_s\n1,a,0.1,3,9,False,1\n2,a,0.1,2,9,True,2\n"
    (run,) = read(tmp_path, ray)
    assert (run.key, run.configuration, run.seconds, run.curves["loss"]) == ("a", {"lr": 0.1}, 2, curve(3, 2))
    listed = (
        "run_id,params.lr,metrics.loss,tags.user,artifact_uri,run_name\nx1,0.1,3,me,u,first\nx2,0.2,2,me,v,second\n"
    )
    first, _ = read(tmp_path, listed)
    assert (first.key, first.configuration, first.finals) == ("first", {"lr": 0.1}, {"loss": 3})
    parts = "epoch,step,train_loss,val_loss,lr-Adam\n0,9,1.0,,\n0,9,,0.9,\n0,,,,0.1\n1,19,0.8,,\n1,19,,0.7,\n"
    (run,) = read(tmp_path, parts)
    assert run.curves == {"train_loss": curve(1.0, 0.8), "val_loss": curve(0.9, 0.7), "lr-Adam": curve(0.1)}


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """In the header or below, and a Parquet file that is none."""
    for name, content in (
        ("a.csv", b"\xff\xfeepoch,loss\n1,2\n"),
        ("b.csv", b"x,loss\n\xff,2\n"),
        ("c.parquet", b"PAR1"),
    ):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserMistake, match=r"a\.csv: cannot be read as CSV"):
        read_table(tmp_path / "a.csv", "a.csv")
    assert read_table(tmp_path / "b.csv", "b.csv")[0].finals == {"loss": 2}
    with pytest.raises(UserMistake, match=r"c\.parquet: cannot be read as Parquet"):
        read_table(tmp_path / "c.parquet", "c.parquet")
