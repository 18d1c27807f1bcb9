"""A regression by Lightning; LightningCLI, with the CSVLogger that it configures."""

import torch
from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.cli import LightningCLI
from torch.utils.data import DataLoader, TensorDataset


class Regression(LightningModule):
    def __init__(self, hidden: int = 16, learning_rate: float = 1e-2):
        super().__init__()
        self.save_hyperparameters()
        self.layers = torch.nn.Sequential(torch.nn.Linear(4, hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, 1))

    def step(self, batch, name):
        x, y = batch
        loss = torch.nn.functional.mse_loss(self.layers(x)[:, 0], y)
        self.log(name, loss, on_step=False, on_epoch=True)
        return loss

    def training_step(self, batch):
        return self.step(batch, "train_loss")

    def validation_step(self, batch):
        self.step(batch, "val_loss")

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.learning_rate)


class Waves(LightningDataModule):
    def __init__(self, batch_size: int = 32):
        super().__init__()
        self.batch_size = batch_size
        x = torch.rand(400, 4, generator=torch.Generator().manual_seed(0))
        data = TensorDataset(x, torch.sin(x.sum(1)))
        self.training, self.validation = torch.utils.data.random_split(data, [300, 100])

    def train_dataloader(self):
        return DataLoader(self.training, self.batch_size, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.validation, 100)


if __name__ == "__main__":
    LightningCLI(
        Regression,
        Waves,
        trainer_defaults={"accelerator": "cpu", "logger": {"class_path": "CSVLogger", "init_args": {"save_dir": "."}}},
    )
