"""Where programs tell their metrics: every place, read while they run and at their end."""

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.programs import PYTHON, script, section, trainer_of
from tune.errors import TrainerMistake
from tune.trainer import Trainer


def rows_of(text: str, folder: Path, metrics: Any, epochs: int = 3, *words: str, python: Any = PYTHON) -> list[Any]:
    """What a program tells of so many epochs; its first argument is `{run}`."""
    program = section([*python, script(folder, text), "{run}", *words], metrics=metrics)
    with closing(trainer_of(program, {}, [1, 2])) as trainer:
        return list(trainer.train(epochs))


THREE = [{"loss": [1 / epoch] * 2} for epoch in (1, 2, 3)]


def test_report(tmp_path: Path) -> None:
    """The product's own function; an epoch is known when it is told."""
    text = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[5])!r})
from tune.adapters.program.reporting import report
for epoch in range(3):
    report(epoch=epoch, loss=1 / (epoch + 1))
"""
    assert rows_of(text, tmp_path, None) == THREE


def test_json_lines(tmp_path: Path) -> None:
    """In the folder of the run; nested values have dots, lines of one epoch are merged, own columns are left out."""
    text = """
import json, sys
with open(sys.argv[1] + "/log.jsonl", "w") as file:
    for epoch in (1, 2, 3):
        file.write(json.dumps({"epoch": epoch, "seed": 5, "name": "a", "train": {"loss": epoch}}) + "\\n")
        file.write(json.dumps({"epoch": epoch, "loss": 1 / epoch}) + "\\n")
"""
    expected = [{"train.loss": [float(epoch)] * 2, "loss": [1 / epoch] * 2} for epoch in (1, 2, 3)]
    assert rows_of(text, tmp_path, {"jsonl": "log.jsonl"}) == expected


def test_csv_with_sparse_rows(tmp_path: Path) -> None:
    """As Lightning's CSVLogger writes it: numbered from 0, anew when a column is added, a test after the last epoch."""
    text = """
import sys
rows = []
for epoch in range(3):
    rows.append(f"{epoch},{epoch * 10},{epoch + 1},")
    rows.append(f"{epoch},{epoch * 10},,{1 / (epoch + 1)}")
    open(sys.argv[1] + "/metrics.csv", "w").write("\\n".join(["epoch,step,train,loss", *rows]) + "\\n")
rows = [row + "," for row in rows] + ["3,30,,,0.5"]
open(sys.argv[1] + "/metrics.csv", "w").write("\\n".join(["epoch,step,train,loss,test", *rows]) + "\\n")
"""
    found = rows_of(text, tmp_path, {"csv": "metrics.csv", "names": {"loss": "loss", "test": "test"}}, 3, "{epochs}")
    assert found == [{"loss": [1 / epoch] * 2, "test": [0.5 if epoch == 3 else None] * 2} for epoch in (1, 2, 3)]


def test_lines_of_output(tmp_path: Path) -> None:
    """Of one pattern or several, without colours, after a progress bar's carriage returns, the comma left behind."""
    text = r"""
for epoch in (1, 2, 3):
    print(f"\r 10%\r100%\n\x1b[32mEpoch {epoch}/3\x1b[0m: Train Loss: {epoch}, Acc: 97.5%")
    print(f"validation of epoch {epoch}: {1 / epoch}")
"""
    patterns = [
        r"Epoch (?P<epoch>\d+)/\d+: Train Loss: (?P<train>\S+), Acc: (?P<acc>\S+)",
        r"epoch (?P<epoch>\d+): (?P<loss>\S+)",
    ]
    expected = [{"train": [float(epoch)] * 2, "acc": [97.5] * 2, "loss": [1 / epoch] * 2} for epoch in (1, 2, 3)]
    assert rows_of(text, tmp_path, {"lines": patterns}) == expected


def test_lines_without_a_number_are_counted(tmp_path: Path) -> None:
    """A program that tells no epoch tells them in their order."""
    text = "for epoch in (1, 2, 3): print('loss', 1 / epoch)"
    assert rows_of(text, tmp_path, {"lines": r"loss (?P<loss>\S+)"}) == THREE


def test_a_file_of_final_values(tmp_path: Path) -> None:
    """They are of the last epoch; of those before nothing is known."""
    text = "import sys; open(sys.argv[1] + '/final.yaml', 'w').write('test: {loss: 1e-1}\\nname: x\\n')"
    found = rows_of(text, tmp_path, {"file": "final.yaml"}, 2)
    assert found == [{"test.loss": [None, None]}, {"test.loss": [0.1, 0.1]}]


@pytest.mark.parametrize("listed", [True, False])
def test_a_file_with_the_history_of_all_epochs(tmp_path: Path, listed: bool) -> None:
    """A list of mappings, or a mapping of lists, in a folder whose name the program chooses."""
    items = [{"epoch": epoch, "test": {"scaled": 1 / epoch}} for epoch in (1, 2, 3)]
    history: Any = items if listed else {"scaled": [1 / epoch for epoch in (1, 2, 3)]}
    text = f"""
import json, os, sys
folder = sys.argv[1] + "/exp_20260101"
os.mkdir(folder)
json.dump({json.dumps({"training": history})}, open(folder + "/results.json", "w"))
"""
    metrics = {
        "file": "{run}/*/results.json",
        "history": "training[*]" if listed else "training",
        "names": {"loss": "test.scaled" if listed else "scaled"},
    }
    assert rows_of(text, tmp_path, metrics) == THREE


def test_tensorboards_event_files(tmp_path: Path) -> None:
    """Scalars by step, by the installed reader; pictures count for nothing."""
    text = f"""
import sys
sys.path[:] = {sys.path!r}
import numpy
from torch.utils.tensorboard import SummaryWriter
with SummaryWriter(sys.argv[1] + "/tb") as writer:
    for epoch in range(3):
        writer.add_scalar("Val/loss", 1 / (epoch + 1), epoch)
        writer.add_histogram("weights", numpy.ones(3), epoch)
"""
    found = rows_of(text, tmp_path, {"tensorboard": "tb", "names": {"loss": "Val/loss"}})
    assert [row["loss"] for row in found] == [[pytest.approx(1 / epoch)] * 2 for epoch in (1, 2, 3)]


def test_a_name_that_is_not_there_is_a_mistake_with_a_suggestion(tmp_path: Path) -> None:
    """Else the metric would be unknown for ever."""
    with pytest.raises(
        TrainerMistake, match=r"names.loss: 'val_los' is not among what was told; did you mean 'val_loss'"
    ):
        rows_of("print('val_loss 3')", tmp_path, {"lines": r"loss (?P<val_loss>\S+)", "names": {"loss": "val_los"}}, 1)


@pytest.mark.parametrize(
    ("line", "said"),
    [("nonsense", "line 1: must be one JSON object, got 'nonsense'"), ('{"epoch": -1}', "must be a number from 0 on")],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: str, said: str) -> None:
    """With file and number."""
    with pytest.raises(TrainerMistake, match=said):
        rows_of(f"import sys; open(sys.argv[1] + '/a.jsonl', 'w').write({line!r})", tmp_path, {"jsonl": "a.jsonl"}, 1)


BY_TIME = """
import json, os, sys, time
folder = time.strftime("out/%Y%m%d-%H%M%S")
os.makedirs(folder, exist_ok=True)
json.dump({"loss": int(sys.argv[1])}, open(folder + "/final.json", "w"))
"""


def by_time(folder: Path, seeds: list[int]) -> Trainer:
    """A program that names its folder after the second in which it runs, in the working directory."""
    program = section([*PYTHON, script(folder, BY_TIME), "{seed}"], metrics={"file": "out/*/final.json"})
    return trainer_of(program, {}, seeds)


def test_a_folder_named_by_the_time_is_never_a_neighbours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that write to one place take turns, each in a second of its own, also those of other trials."""
    monkeypatch.chdir(tmp_path)
    with closing(by_time(tmp_path, [1, 2])) as one, closing(by_time(tmp_path, [3])) as other:
        assert list(one.train(1)) == [{"loss": [1.0, 2.0]}]
        assert list(other.train(1)) == [{"loss": [3.0]}]
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_a_second_file_that_is_new_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose it is cannot be told."""
    monkeypatch.chdir(tmp_path)
    text = "import os\nfor name in 'ab':\n os.makedirs('out/' + name)\n open(f'out/{name}/final.json', 'w').write('{}')"
    with (
        closing(
            trainer_of(section([*PYTHON, script(tmp_path, text)], metrics={"file": "out/*/final.json"}), {})
        ) as trainer,
        pytest.raises(
            TrainerMistake, match=r"2 new files match out/\*/final.json, out/a/final.json and out/b/final.json"
        ),
    ):
        list(trainer.train(1))


def test_a_file_of_a_fixed_name_is_made_way_for_the_next_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run finds none there, and none is left."""
    monkeypatch.chdir(tmp_path)
    text = "import sys; open('final.json', 'x').write('{\"loss\": ' + sys.argv[1] + '}')"
    program = section([*PYTHON, script(tmp_path, text), "{seed}"], metrics={"file": "final.json"})
    with closing(trainer_of(program, {}, [1, 2])) as trainer:
        assert list(trainer.train(1)) == [{"loss": [1.0, 2.0]}]
    assert not (tmp_path / "final.json").exists()
