"""What names mean that loggers and people give to metrics and parameters."""

import re
from collections.abc import Mapping
from typing import TypeVar

V = TypeVar("V")

EPOCHS = ("epochs", "n_epochs", "num_epochs", "max_epochs", "nb_epochs", "num_train_epochs", "training_epochs")
"""Parameters that say for how many epochs a run is to train."""
EPOCH = ("epoch", "epochs_done", "training_iteration", "step", "global_step", "iteration", "iter")
"""Columns that number the rows of a curve; only the first three count epochs."""
SEED = ("seed", "random_seed", "rng_seed", "random_state")
RUN = ("run", "run_name", "name", "arm", "trial", "number", "run_id", "trial_id", "id", "experiment", "experiment_name")
"""Columns that say of which run a row is; those that people read first."""

_PARTS = (
    (
        re.compile(r"(valid|val|validation|eval|dev)_(?P<of>.+)|(?P<before>.+)_(valid|val|validation|eval|dev)"),
        "validation",
    ),
    (re.compile(r"(train|training)_(?P<of>.+)|(?P<before>.+)_(train|training)"), "train"),
    (re.compile(r"test_(?P<of>.+)|(?P<before>.+)_test"), "test"),
)
"""The part of the data on which something was measured, before or behind its name."""
_RATE = re.compile(r"lr_(?!.*(decay|sched|min|max|warm)).*|train_(lr|learning_rate)")
_SAME = {
    "lr": "learning_rate",
    "gradient_norm": "grad_norm",
    "num_params": "parameters",
    "n_params": "parameters",
    "n_parameters": "parameters",
    "num_parameters": "parameters",
    "parameter_count": "parameters",
    "params": "parameters",
    "model_parameters": "parameters",
    "total_params": "parameters",
    "trainable_params": "parameters",
    "throughput": "samples_per_second",
    "train_samples_per_second": "samples_per_second",
    "examples_per_second": "samples_per_second",
}
_METRIC = re.compile(
    "loss|losses|acc|accuracy|auc|auroc|error|err|mse|mae|rmse|score|reward|f1|r2|perplexity|ppl|bleu|rouge|iou|dice|nll|"
    "elbo|psnr|ssim|fid|metric|value|seconds|runtime|duration|correlation|silhouette|likelihood"
)
_PARAMETER = re.compile("weight|coef|coefficient|lambda|fn|function|type|name|scale|kind|clip|smoothing")
_HIGHER = re.compile("acc|accuracy|auc|auroc|f1|r2|reward|bleu|rouge|iou|dice|precision|recall|psnr|ssim|silhouette")
_DERIVED = ("parameters",)
_BEST_KNOWN = ("validation_loss", "test_loss", "loss", "validation_accuracy", "test_accuracy", "accuracy", "train_loss")


def role(name: str) -> str:
    """Returns what a name means: `val/loss`, `valid_loss` and `Validation-Loss` are all `validation_loss`."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")
    for part, said in () if plain in EPOCH else _PARTS:
        if match := part.fullmatch(plain):
            plain = f"{said}_{match['of'] or match['before']}"
            break
    if _RATE.fullmatch(plain):
        return "learning_rate"  # as Lightning's monitor calls it: lr-Adam
    return _SAME.get(plain, plain)


def named(values: Mapping[str, V], name: str) -> V | None:
    """Returns the value of a name, else of the first that means the same; None where there is neither."""
    if name in values:
        return values[name]
    wanted = role(name)
    return next((value for other, value in values.items() if role(other) == wanted), None)


def looks_like_a_metric(name: str) -> bool:
    """Says whether a column with one number per run is something measured, by the words of its name."""
    return is_derived(name) or (_has_word(name, _METRIC) and not _has_word(name, _PARAMETER))


def looks_maximized(name: str) -> bool:
    """Says whether higher values of a metric are better, by the words of its name."""
    return _has_word(name, _HIGHER)


def is_derived(name: str) -> bool:
    """Says whether a value follows from the configuration and is none of it, as a count of parameters does."""
    return role(name) in _DERIVED


def _has_word(name: str, words: "re.Pattern[str]") -> bool:
    return any(words.fullmatch(word) for word in role(name).split("_"))


def best_known(names: "list[str]") -> str | None:
    """Returns the metric that people mean when they do not say which; None where it cannot be told."""
    for wanted in _BEST_KNOWN:
        found = next((name for name in names if role(name) == wanted), None)
        if found is not None:
            return found
    likely = [name for name in names if looks_like_a_metric(name)]
    return likely[0] if len({role(name) for name in likely}) == 1 else None
