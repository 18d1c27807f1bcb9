"""The search in Ray Tune: the mean over five seeds, stopped by ASHA, settings from Optuna's TPE."""

from statistics import fmean

from digits import trained
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch


def train(config: dict[str, float]) -> None:
    """Trains five seeds side by side, so that the scheduler sees their mean."""
    runs = [trained(config["learning_rate"], int(config["width"]), seed) for seed in (1, 2, 3, 4, 5)]
    for _ in range(9):
        tune.report({"validation_loss": fmean(next(run) for run in runs)})


tuner = tune.Tuner(
    train,
    param_space={"learning_rate": tune.loguniform(1e-3, 1.0), "width": tune.choice([16, 32, 64, 128])},
    tune_config=tune.TuneConfig(
        metric="validation_loss",
        mode="min",
        num_samples=24,
        search_alg=OptunaSearch(seed=0),
        scheduler=ASHAScheduler(max_t=9),
    ),
)
best = tuner.fit().get_best_result()
print(best.config, best.metrics["validation_loss"])
