"""A LightningModule and its data on scikit-learn's digits; the last line makes of them what a study trains."""

import lightning
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

import latent_tune


class Digits(lightning.LightningDataModule):
    def __init__(self, batch_size=64):
        super().__init__()
        self.batch_size = batch_size

    def setup(self, stage):
        x, y = load_digits(return_X_y=True)
        rows = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
        parts = train_test_split(*rows, test_size=0.25, random_state=0)
        self.training, self.held_out = TensorDataset(*parts[::2]), TensorDataset(*parts[1::2])

    def train_dataloader(self):
        return DataLoader(self.training, self.batch_size, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.held_out, 512)


class Network(lightning.LightningModule):
    def __init__(self, learning_rate, width):
        super().__init__()
        self.learning_rate = learning_rate
        self.layers = torch.nn.Sequential(torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Linear(width, 10))

    def training_step(self, batch, index):
        x, y = batch
        return torch.nn.functional.cross_entropy(self.layers(x), y)

    def validation_step(self, batch, index):
        x, y = batch
        self.log("val_loss", torch.nn.functional.cross_entropy(self.layers(x), y))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.learning_rate)


train = latent_tune.lightning(Network, Digits, metric="val_loss", accelerator="cpu")
