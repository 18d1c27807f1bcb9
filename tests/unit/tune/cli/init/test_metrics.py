"""Where the metrics of a program are found, by its source."""

import re
from pathlib import Path
from typing import Any

import pytest

from tune.cli.init.metrics import epochs_counted, metrics_of
from tune.cli.init.source import Source

PRINTED: list[tuple[str, str, dict[str, str], str]] = [
    (
        'print(f"Epoch {epoch + 1}/{args.epochs}: Train Loss: {tl:.4f}, Val Loss: {vl:8.4f}")',
        "Epoch 3/12: Train Loss: 0.5012, Val Loss:   0.7500",
        {"epoch": "3", "train_loss": "0.5012", "val_loss": "0.7500"},
        "val_loss",
    ),
    (
        'print("[%d] loss=%.3f acc=%.1f%%" % (epoch, val_loss, 100 * acc))',
        "[7] loss=1.250 acc=93.1%",
        {"epoch": "7", "val_loss": "1.250", "acc": "93.1"},
        "val_loss",
    ),
    (
        'print("Test set: Average loss: {:.4f}, Accuracy: {}/{} ({:.0f}%)\\n".format(test_loss, a, b, c))',
        "Test set: Average loss: 0.0331, Accuracy: 9887/10000 (99%)",
        {"test_loss": "0.0331", "accuracy": "9887"},
        "test_loss",
    ),
    (
        'print("epoch", epoch, "validation mse", mse.item())',
        "epoch 4 validation mse 1e-05",
        {"epoch": "4", "validation_mse": "1e-05"},
        "validation_mse",
    ),
    (
        'logging.info("epoch %d: accuracy %.3f", epoch, score)',
        "INFO:root:epoch 11: accuracy 0.913",
        {"epoch": "11", "accuracy": "0.913"},
        "accuracy",
    ),
    (
        'print(json.dumps({"epoch": epoch, "lr": lr, "val_loss": loss}))',
        '{"epoch": 2, "lr": 0.1, "val_loss": NaN}',
        {"epoch": "2", "val_loss": "NaN"},
        "val_loss",
    ),
]


def source_of(folder: Path, text: str) -> Source:
    """The source of a program with this text."""
    (folder / "train.py").write_text(text)
    return Source.read(folder / "train.py")


@pytest.mark.parametrize(("code", "printed", "found", "scored"), PRINTED)
def test_a_printed_line(tmp_path: Path, code: str, printed: str, found: dict[str, str], scored: str) -> None:
    """The pattern that is made of a print finds its numbers in what it prints."""
    metrics = metrics_of([source_of(tmp_path, code)], None, folder=False)
    assert metrics.value is not None
    match = re.search(metrics.value["lines"], printed)
    assert match is not None, metrics.value
    assert (match.groupdict(), metrics.metric, metrics.seen) == (found, scored, True)


def test_the_line_of_an_epoch_is_taken_and_not_that_of_a_batch(tmp_path: Path) -> None:
    """Of several prints the one with a loss of held-out data counts."""
    text = 'print(f"step {step} loss {loss}")\nprint(f"epoch {epoch} val_loss {val_loss}")\nprint("done in", seconds)\n'
    assert metrics_of([source_of(tmp_path, text)], None, folder=False).metric == "val_loss"


FILES: list[tuple[str, Any, str]] = [
    ('writer = SummaryWriter(args.out)\nwriter.add_scalar("Loss/val", 1, 2)', {"tensorboard": "{run}"}, "Loss/val"),
    ('with open("metrics.jsonl", "a") as file: file.write(json.dumps(row))', {"jsonl": "{run}/metrics.jsonl"}, ""),
    ('rows = csv.DictWriter(open("log.csv", "w"), ["epoch", "test_acc"])', {"csv": "{run}/log.csv"}, "test_acc"),
    (
        'trainer = Trainer(logger=CSVLogger("logs"))\nself.log("val_loss", loss)',
        {"csv": "{run}/**/metrics.csv"},
        "val_loss",
    ),
    ("import latent_tune\nlatent_tune.report(epoch=1, dev_loss=0.5)", None, "dev_loss"),
]


@pytest.mark.parametrize(("code", "value", "scored"), FILES)
def test_a_file_or_a_call(tmp_path: Path, code: str, value: Any, scored: str) -> None:
    """TensorBoard, JSON lines, CSV and calls of latent_tune.report are recognised, and the name that is scored."""
    metrics = metrics_of([source_of(tmp_path, code)], None, folder=True)
    assert (metrics.value, metrics.seen) == (value, True)
    assert metrics.metric == (scored or "validation_loss")
    assert metrics.named == bool(scored)


@pytest.mark.parametrize("asked", ["lines", "jsonl", "csv", "tensorboard", "report"])
def test_what_the_user_says_counts(tmp_path: Path, asked: str) -> None:
    """Where the source shows nothing of what was asked for, it stands there to be completed."""
    metrics = metrics_of([source_of(tmp_path, "x = 1\n")], asked, folder=True)
    assert (metrics.way, metrics.seen, metrics.named) == (asked, False, False)
    assert list(metrics.value or {"report": ""}) == [asked]


LOOPS: list[tuple[str, int | None]] = [
    ("for epoch in range(30): pass", 30),
    ("N = 4\nfor epoch in range(1, N + 1): pass", 4),
    ("for epoch in range(args.epochs): pass", None),
    ("for i in range(3): pass", None),
]


@pytest.mark.parametrize(("code", "count"), LOOPS)
def test_epochs_that_a_loop_counts(tmp_path: Path, code: str, count: int | None) -> None:
    """A loop over epochs says how many there are where that is a number."""
    assert epochs_counted([source_of(tmp_path, code)]) == count
