"""Keras and Hugging Face's `Trainer`, as programs use them: each epoch is told, once."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tune.adapters.keras import keras
from tune.adapters.program.reporting import REPORT
from tune.adapters.transformers import transformers
from tune.errors import UserMistake

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(32, 3)).astype("float32")
Y = X @ np.asarray([1.0, -2.0, 0.5], "float32")


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that a study reads."""
    monkeypatch.setenv(REPORT, str(tmp_path / "told"))
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    return tmp_path / "told"


def rows(told: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in told.read_text().splitlines()]


def test_keras_tells_each_epoch(told: Path) -> None:
    """What Keras logs is reported with the number of the epoch, also where a training goes on."""
    library = pytest.importorskip("keras", reason="Keras is not installed (the extra `keras`)")
    model = library.Sequential([library.Input((3,)), library.layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    fit: dict[str, Any] = {"validation_split": 0.25, "verbose": 0, "callbacks": [keras()]}
    model.fit(X, Y, epochs=2, **fit)
    model.fit(X, Y, epochs=4, initial_epoch=2, **fit)
    assert [row["epoch"] for row in rows(told)] == [1, 2, 3, 4]
    assert all(row.keys() == {"epoch", "loss", "mae", "val_loss", "val_mae"} for row in rows(told))
    assert rows(told)[3]["val_loss"] < rows(told)[0]["val_loss"]


def test_transformers_tells_each_evaluation_of_an_epoch(told: Path, tmp_path: Path) -> None:
    """One row at the end of each epoch, with the latest training loss; what is evaluated in between is left out."""
    library = pytest.importorskip("transformers", reason="Transformers is not installed (the extra `transformers`)")
    pytest.importorskip("accelerate")

    class Linear(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(3, 1)

        def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
            predicted = self.layer(x)[:, 0]
            return {"loss": torch.nn.functional.mse_loss(predicted, labels), "logits": predicted}

    data = [{"x": x, "labels": y} for x, y in zip(torch.tensor(X), torch.tensor(Y), strict=True)]
    for strategy, folder in ({"eval_strategy": "epoch"}, "a"), ({"eval_strategy": "steps", "eval_steps": 2}, "b"):
        told.unlink(missing_ok=True)
        options = library.TrainingArguments(
            output_dir=str(tmp_path / folder), num_train_epochs=3, per_device_train_batch_size=8, logging_steps=2,
            use_cpu=True, report_to=[], save_strategy="no", disable_tqdm=True, learning_rate=0.1, **strategy,
        )  # fmt: skip
        trainer = library.Trainer(Linear(), options, train_dataset=data, eval_dataset=data, callbacks=[transformers()])
        trainer.train()
        assert [row["epoch"] for row in rows(told)] == [1, 2, 3]
        assert all({"eval_loss", "loss"} <= row.keys() for row in rows(told))
        assert rows(told)[2]["eval_loss"] < rows(told)[0]["eval_loss"]


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the extra that has it."""
    for name, made in (("keras", keras), ("transformers", transformers)):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(UserMistake, match=rf"pip install 'latent-tune\[{name}\]'"):
            made()
