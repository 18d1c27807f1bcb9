"""Whether a configuration and a recording go together: what neither can know alone."""

from collections.abc import Mapping, Sequence

from model.config import TrainingConfig
from model.recording.recording import Recording


def find_misfits(config: TrainingConfig, recording: Recording) -> dict[str, str]:
    """Say by hyperparameter why a configuration cannot be trained on a recording; empty when it can.

    Or not be evaluated on another one that comes with it.
    """
    misfits = {}
    first, last = recording.split.train
    if config.batch_size > last - first:
        misfits["batch_size"] = f"must be at most the {last - first} training rows, got {config.batch_size}"
    of_splits = {"train": config.horizon, "validation": config.evolve_steps, "test": config.evolve_steps}
    misfits |= _find_short_splits(config, recording, of_splits)
    if config.use_stimulus and recording.stimulus is None:
        misfits["use_stimulus"] = f"is true, but the recording {recording.source} has no stimulus"
    for name, other in recording.others.items():
        misfits = _find_misfits_of_other(config, name, other, recording) | misfits
    return misfits


def _find_misfits_of_other(config: TrainingConfig, name: str, other: Recording, trained: Recording) -> dict[str, str]:
    """Say the same of another recording, on which a configuration is only evaluated."""
    of_splits = dict.fromkeys(("validation", "test"), config.evolve_steps)
    misfits = _find_short_splits(config, other, of_splits, f" of recording.others.{name}")
    if config.use_stimulus and trained.stimulus is not None:
        needed, found = trained.stimulus.shape[1], 0 if other.stimulus is None else other.stimulus.shape[1]
        if found != needed:
            has = f"recording.others.{name} has {found or 'no'} stimulus inputs"
            misfits["use_stimulus"] = f"is true, but {has}, what is trained on {needed}"
    return misfits


def _find_short_splits(
    config: TrainingConfig, recording: Recording, of_splits: Mapping[str, int], whose: str = ""
) -> dict[str, str]:
    """Find a split in which no row has the rows that are predicted from it.

    Args:
        config: Whose steps they are.
        recording: Whose splits.
        of_splits: By split, how many rows ahead is predicted.
        whose: Follows the name of a split in messages.
    """
    for name, steps in of_splits.items():
        first, last = getattr(recording.split, name)
        if steps >= last - first:
            key = "evolve_steps" if config.evolve_steps >= last - first else "evolve_multiples"
            reach = f"the prediction is {steps} rows ahead, the {name} split{whose} has {last - first}"
            return {key: f"must be smaller, got {getattr(config, key)}: {reach}"}
    return _find_far_roll_outs(config, recording, whose)


def _find_far_roll_outs(config: TrainingConfig, recording: Recording, whose: str) -> dict[str, str]:
    """Find roll-outs that would leave the validation split wherever they began."""
    first, last = recording.split.validation
    most, rows = (last - first - 1) // config.evolve_steps, config.rollout_steps * config.evolve_steps
    if config.rollout_steps <= most:
        return {}
    reach = f"a roll-out ends {rows} rows after its start, the validation split{whose} has {last - first}"
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
