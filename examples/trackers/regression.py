"""A training small enough to read: random features of one input, fitted by gradient descent."""

import numpy as np


class Regression:
    """Trains some seeds of one configuration; `tune.trainer.Trainer` says what each method is."""

    def __init__(self, config, recording, seeds, state=None):
        self.config, self.seeds = config, seeds
        x = np.random.default_rng(0).uniform(-3, 3, (200, 1))
        self.y = np.sin(2 * x[:, 0])
        self.features, self.weights = {}, {}
        for seed in seeds:
            draw = np.random.default_rng(seed)
            shape = (1, config["width"])
            self.features[seed] = np.cos(x @ draw.normal(0, 2, shape) + draw.uniform(0, 6, shape))
            self.weights[seed] = state[seed] if state else np.zeros(config["width"])

    def train(self, epochs):
        """Yields the loss of every seed after each epoch."""
        for _ in range(epochs):
            losses = []
            for seed in self.seeds:
                features = self.features[seed]
                error = features @ self.weights[seed] - self.y
                self.weights[seed] = self.weights[seed] - self.config["learning_rate"] * features.T @ error / len(error)
                losses.append(float(np.mean((features @ self.weights[seed] - self.y) ** 2)))
            yield {"validation_loss": losses}

    def state(self):
        """Returns the weights."""
        return dict(self.weights)

    def baseline(self):
        """Returns the loss of predicting nothing."""
        return {"validation_loss": float(np.mean(self.y**2))}

    def close(self):
        """Frees nothing."""
