"""Hyperparameter search in which a trial's result is a distribution over seeds."""
