"""scikit-learn's linear classifier on its digits: a seed is a fold of five, an epoch a pass over the training rows."""

from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier

import latent_tune

X, y = load_digits(return_X_y=True)
train = latent_tune.sklearn(SGDClassifier(loss="log_loss"), X / 16, y, scoring="accuracy", cv=5)
