"""A function that trains a small network on scikit-learn's digits, for one seed."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

DIGITS = train_test_split(*load_digits(return_X_y=True), test_size=0.25, random_state=0)
X, X_HELD_OUT = (torch.tensor(part / 16, dtype=torch.float32) for part in DIGITS[:2])
Y, Y_HELD_OUT = (torch.tensor(part) for part in DIGITS[2:])


def train(config, seed, epochs):
    width = config["width"]
    model = torch.nn.Sequential(torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Linear(width, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=config["learning_rate"])
    for _ in range(epochs):
        for batch in torch.randperm(len(X)).split(64):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(X[batch]), Y[batch]).backward()
            optimizer.step()
        with torch.no_grad():
            yield {"validation_accuracy": (model(X_HELD_OUT).argmax(1) == Y_HELD_OUT).float().mean()}
