"""Optuna's samplers as they are asked here: once, of a study that holds nothing."""
