"""Lightning's modules as functions: trained by Lightning itself, an epoch at a time, exactly continued."""

import os
import random
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tune.adapters.function import function_trainer
from tune.adapters.lightning import lightning
from tune.errors import TrainerMistake, UserMistake

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
pl = pytest.importorskip("lightning.pytorch", reason="Lightning is not installed (the extra `lightning`)")


def module_of(package: Any) -> Any:
    """A module of one of Lightning's two packages: drops out, draws from global generators, steps a schedule."""

    class Linear(package.LightningModule):  # type: ignore[misc]
        def __init__(self, learning_rate: float, dropout: float = 0.1) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.layers = torch.nn.Sequential(torch.nn.Dropout(dropout), torch.nn.Linear(3, 1))

        def training_step(self, batch: Any, index: int) -> Any:
            x, y = batch
            noise = 0.01 * random.random()  # noqa: S311
            loss = torch.nn.functional.mse_loss(self.layers(x)[:, 0] + noise, y)
            self.log("train/loss", loss, on_step=False, on_epoch=True)
            return loss

        def validation_step(self, batch: Any, index: int) -> None:
            x, y = batch
            self.log("val_loss", torch.nn.functional.mse_loss(self.layers(x)[:, 0], y))
            self.log("rate", self.trainer.optimizers[0].param_groups[0]["lr"])
            self.log("steps", float(self.trainer.estimated_stepping_batches))

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.Adam(self.parameters(), lr=self.hparams["learning_rate"])
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)]

    return Linear


def data_of(package: Any) -> Any:
    """Data of one of the two packages: 32 rows, shuffled anew in each epoch."""

    class Rows(package.LightningDataModule):  # type: ignore[misc]
        def __init__(self, batch_size: int = 8) -> None:
            super().__init__()
            self.batch_size = batch_size

        def setup(self, stage: str) -> None:
            generator = torch.Generator().manual_seed(0)
            x = torch.randn(32, 3, generator=generator)
            self.rows = torch.utils.data.TensorDataset(x, x @ torch.tensor([1.0, -2.0, 0.5]))

        def train_dataloader(self) -> Any:
            return torch.utils.data.DataLoader(self.rows, self.batch_size, shuffle=True)

        def val_dataloader(self) -> Any:
            return torch.utils.data.DataLoader(self.rows, 32)

    return Rows


CONFIG = {"learning_rate": 0.1, "batch_size": 16}


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever Lightning writes beside it is seen."""
    monkeypatch.chdir(tmp_path)
    yield
    assert list(tmp_path.iterdir()) == []


def trained(function: Any, seeds: list[int], *stops: int) -> list[dict[str, list[float]]]:
    """Rows of units that end after so many epochs, each in a new trainer."""
    state, rows = None, list[dict[str, list[float]]]()
    for stop in stops:
        trainer = function_trainer(function, "mine:train")(CONFIG, {}, seeds, state)
        rows += [{name: list(map(float, row[name])) for name in row} for row in trainer.train(stop - len(rows))]
        state = trainer.state()
        trainer.close()
    return rows


@pytest.mark.parametrize("package", ["lightning.pytorch", "pytorch_lightning"])
def test_it_is_trained_by_lightning(package: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Each epoch yields what was logged in it; optimizer and schedule go on; nothing is printed or left behind."""
    library = pytest.importorskip(package)
    rows = trained(lightning(module_of(library), data_of(library)), [1, 2], 3)
    assert [sorted(row) for row in rows] == [["rate", "steps", "train/loss", "val_loss"]] * 3
    assert [row["rate"] for row in rows] == [pytest.approx([rate] * 2) for rate in (0.05, 0.025, 0.0125)]
    assert [row["steps"] for row in rows] == [[6, 6]] * 3
    assert rows[2]["val_loss"][0] < rows[0]["val_loss"][0]
    assert capfd.readouterr() == ("", "")


def test_seeds_are_the_same_alone_together_and_continued() -> None:
    """Bit for bit: shuffling, dropout and initialisation are each seed's own, and of each epoch's."""
    function = lightning(module_of(pl), data_of(pl), metric=["val_loss", "train/loss"])
    together = trained(function, [1, 2], 4)
    alone = trained(function, [2], 1, 2, 4)
    assert [{name: values[1:] for name, values in row.items()} for row in together] == alone
    assert together[0]["val_loss"][0] != together[0]["val_loss"][1]


def test_callbacks_and_options_are_lightnings() -> None:
    """They are handed to its trainer; one that stops early leaves that to the study."""

    class Heard(pl.Callback):  # type: ignore[misc,name-defined]
        epochs = 0

        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            Heard.epochs += 1

    stops = pl.callbacks.EarlyStopping("val_loss", patience=0, min_delta=1e9)
    options = {"callbacks": [Heard(), stops], "gradient_clip_val": 0.5}
    assert len(trained(lightning(module_of(pl), data_of(pl), metric="val_loss", **options), [1], 3)) == 3
    assert Heard.epochs == 3
    with pytest.raises(UserMistake, match=r"lightning\(max_epochs=…\): the study sets this itself; leave it out"):
        lightning(module_of(pl), data_of(pl), max_epochs=3)


def test_a_signal_is_left_to_the_study() -> None:
    """SIGTERM reaches who listens for it, and the epoch is trained to its end."""
    heard: list[int] = []

    class Signals(pl.Callback):  # type: ignore[misc,name-defined]
        def on_train_batch_start(self, *_: Any) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        rows = trained(lightning(module_of(pl), data_of(pl), callbacks=Signals()), [1], 2)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert len(rows) == 2
    assert heard == [signal.SIGTERM] * 4


def test_a_batch_system_around_it_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a job of several tasks it trains by itself, and does not wait for the others."""
    for name, value in {"SLURM_NTASKS": "4", "SLURM_JOB_NAME": "sweep", "SLURM_PROCID": "0"}.items():
        monkeypatch.setenv(name, value)
    assert len(trained(lightning(module_of(pl), data_of(pl)), [1], 1)) == 1


def test_a_metric_that_is_not_logged() -> None:
    """It is said which are."""
    with pytest.raises(TrainerMistake, match=r"'val_los' was not logged; did you mean 'val_loss'\?; it must be"):
        trained(lightning(module_of(pl), data_of(pl), metric="val_los"), [1], 1)


def test_a_configuration_is_checked_before_anything_is_trained() -> None:
    """Parameters that neither module nor data take are mistaken, and those that one lacks are missing."""
    function: Any = lightning(module_of(pl), data_of(pl))
    assert function.check_config(CONFIG) == {}
    assert function.check_config({"learning_rat": 1}) == {
        "learning_rate": "is missing: Linear needs it; give it under fixed or space, or a default",
        "learning_rat": "is no argument of Linear or Rows; did you mean 'learning_rate'?",
    }
    whole: Any = lightning(lambda config: module_of(pl)(config["a"]), data_of(pl))
    assert whole.check_config({"a": 1.0}) == {}


def test_without_lightning_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""
    monkeypatch.setitem(sys.modules, "lightning.pytorch", None)
    with pytest.raises(UserMistake, match=r"pip install 'latent-tune\[lightning\]'"):
        lightning(dict, dict)
