"""Whether a configuration and a recording go together: what neither can know alone."""

from collections.abc import Sequence

from model.config import TrainingConfig
from model.recording.recording import Recording


def find_misfits(config: TrainingConfig, recording: Recording) -> dict[str, str]:
    """Say by hyperparameter why a configuration cannot be trained on a recording; empty when it can."""
    misfits = {}
    first, last = recording.split.train
    if config.batch_size > last - first:
        misfits["batch_size"] = f"must be at most the {last - first} training rows, got {config.batch_size}"
    misfits |= _find_short_splits(config, recording)
    if config.use_stimulus and recording.stimulus is None:
        misfits["use_stimulus"] = f"is true, but the recording {recording.source} has no stimulus"
    return misfits


def _find_short_splits(config: TrainingConfig, recording: Recording) -> dict[str, str]:
    """Find a split in which no row has the rows that are predicted from it."""
    needed = {"train": config.horizon, "validation": config.evolve_steps, "test": config.evolve_steps}
    for name, steps in needed.items():
        first, last = getattr(recording.split, name)
        if steps >= last - first:
            key = "evolve_steps" if config.evolve_steps >= last - first else "evolve_multiples"
            reach = f"the prediction is {steps} rows ahead, the {name} split has {last - first}"
            return {key: f"must be smaller, got {getattr(config, key)}: {reach}"}
    return _find_far_roll_outs(config, recording)


def _find_far_roll_outs(config: TrainingConfig, recording: Recording) -> dict[str, str]:
    """Find roll-outs that would leave the validation split wherever they began."""
    first, last = recording.split.validation
    most, rows = (last - first - 1) // config.evolve_steps, config.rollout_steps * config.evolve_steps
    if config.rollout_steps <= most:
        return {}
    reach = f"a roll-out ends {rows} rows after its start, the validation split has {last - first}"
    return {"rollout_steps": f"must be at most {most}, got {config.rollout_steps}: {reach}"}


def check_fit(config: TrainingConfig, recording: Recording, seeds: Sequence[int]) -> None:
    """Check what neither the configuration nor the recording can know alone.

    Raises:
        ValueError: What `find_misfits` finds, or seeds that are none or repeat.
    """
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds: must be at least one number and all different, got {list(seeds)}")
    misfits = find_misfits(config, recording)
    if misfits:
        raise ValueError("\n".join(f"{key}: {message}" for key, message in misfits.items()))
