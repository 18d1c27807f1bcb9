"""The same, which goes on where it was: what it needs for that lies in its checkpoint folder."""

import torch
from train import X_HELD_OUT, Y_HELD_OUT, X, Y


def train(config, seed, epochs, checkpoint):
    width, saved = config["width"], checkpoint / "state.pt"
    model = torch.nn.Sequential(torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Linear(width, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=config["learning_rate"])
    done = 0
    if saved.exists():
        state = torch.load(saved)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        done = state["epoch"]
    for epoch in range(done + 1, epochs + 1):
        for batch in torch.randperm(len(X)).split(64):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(X[batch]), Y[batch]).backward()
            optimizer.step()
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "random": torch.get_rng_state()}
        torch.save({**state, "epoch": epoch}, saved)
        with torch.no_grad():
            accuracy = (model(X_HELD_OUT).argmax(1) == Y_HELD_OUT).float().mean()
        yield {"validation_accuracy": accuracy, "epoch": epoch}
