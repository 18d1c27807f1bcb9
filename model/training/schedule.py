"""The learning rate and the averaging weight of every step, known before the step runs."""

from math import cos, pi

from model.config import TrainingConfig


def learning_rate_at(config: TrainingConfig, step: int, steps_per_epoch: int) -> float:
    """Give the learning rate of one step.

    It rises linearly over the first `warmup_fraction` of all planned steps, reaching `learning_rate` at the last of
    them; then it stays (constant) or falls along half a cosine to `final_learning_rate_fraction * learning_rate`
    (cosine). After the planned epochs it stays where it ended.

    Args:
        config: Rate, schedule, fractions and planned epochs.
        step: Steps done before this one.
        steps_per_epoch: Batches per epoch.

    Source: Loshchilov & Hutter 2017, "SGDR", equation 5, without restarts.
    """
    peak = config.learning_rate
    planned = (config.epochs or 0) * steps_per_epoch
    warmup = round(config.warmup_fraction * planned)
    if step < warmup:
        return peak * (step + 1) / warmup
    if config.schedule == "constant":
        return peak
    low = peak * config.final_learning_rate_fraction
    progress = min(1.0, (step - warmup) / max(1, planned - warmup))
    return low + (peak - low) * (1 + cos(pi * progress)) / 2


def averaging_weight_at(decay: float, step: int) -> float:
    """Give the weight of the newest parameters in their exponential moving average.

    The decay grows with the steps done, `min(decay, (1 + step) / (10 + step))`, so that the random initial weights
    do not linger in short trainings.

    Source: tf.train.ExponentialMovingAverage with `num_updates`.
    """
    return 1 - min(decay, (1 + step) / (10 + step))
