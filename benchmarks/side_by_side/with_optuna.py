"""The search in Optuna: the mean over five seeds, pruned by successive halving, kept in SQLite."""

from statistics import fmean

import optuna
from digits import trained


def objective(trial: optuna.Trial) -> float:
    """Trains five seeds side by side, so that the pruner sees their mean."""
    learning_rate = trial.suggest_float("learning_rate", 1e-3, 1.0, log=True)
    width = trial.suggest_categorical("width", [16, 32, 64, 128])
    runs = [trained(learning_rate, width, seed) for seed in (1, 2, 3, 4, 5)]
    loss = float("nan")
    for epoch in range(9):
        loss = fmean(next(run) for run in runs)
        trial.report(loss, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return loss


study = optuna.create_study(
    study_name="digits",
    storage="sqlite:///optuna.db",
    load_if_exists=True,
    sampler=optuna.samplers.TPESampler(seed=0),
    pruner=optuna.pruners.SuccessiveHalvingPruner(),
)
study.optimize(objective, n_trials=24)
print(study.best_params, study.best_value)
