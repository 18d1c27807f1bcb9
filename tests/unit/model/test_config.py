"""What a configuration may say, and what is answered when it says something else."""

from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest

from model.config import TrainingConfig, check_config, parse_config

MESSAGES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "misspelt": (
        {"learning_rat": 1e-3},
        {"learning_rat": "unknown parameter: did you mean 'learning_rate'?"},
    ),
    "unknown": (
        {"zebra": 1},
        {"zebra": "unknown parameter; known are " + ", ".join(one.name for one in fields(TrainingConfig))},
    ),
    "text for a number": (
        {"learning_rate": "1e-5"},
        {"learning_rate": "must be a number, got '1e-5', which is text (YAML needs a decimal point: 1.0e-05)"},
    ),
    "words for a number": ({"l1": "much"}, {"l1": "must be a number, got 'much'"}),
    "fraction for a count": ({"batch_size": 16.5}, {"batch_size": "must be a whole number, got 16.5"}),
    "true for a count": ({"epochs": True}, {"epochs": "must be a whole number, got True"}),
    "count for a switch": ({"use_batch_norm": 1}, {"use_batch_norm": "must be true or false, got 1"}),
    "too low": ({"learning_rate": -1.0}, {"learning_rate": "must be greater than 0, got -1.0"}),
    "too few": ({"latent_dims": 0}, {"latent_dims": "must be at least 1, got 0"}),
    "too high": ({"warmup_fraction": 1.5}, {"warmup_fraction": "must be at most 1, got 1.5"}),
    "just too high": ({"ema": 1.0}, {"ema": "must be less than 1, got 1.0"}),
    "no number": ({"l1": float("nan")}, {"l1": "must be a finite number, got nan"}),
    "nothing for a count": ({"batch_size": None}, {"batch_size": "must be a whole number, got None"}),
    "true for a number": ({"l1": True}, {"l1": "must be a number, got True"}),
    "a list for a choice": (
        {"schedule": ["cosine"]},
        {"schedule": "must be one of constant, cosine; got ['cosine']: did you mean 'cosine'?"},
    ),
    "infinite": ({"l1": float("inf")}, {"l1": "must be a finite number, got inf"}),
    "misspelt choice": (
        {"activation": "rleu"},
        {"activation": "must be one of relu, gelu, tanh, silu, elu; got 'rleu': did you mean 'relu'?"},
    ),
    "unknown choice": (
        {"optimizer": 3},
        {"optimizer": "must be one of adam, adamw, sgd; got 3"},
    ),
    "all at once, in order": (
        {"l1": -1, "hidden_layers": 99, "batch_size": 0},
        {"l1": "must be at least 0, got -1", "hidden_layers": "must be at most 64, got 99"}
        | {"batch_size": "must be at least 1, got 0"},
    ),
    "one sample normalised": (
        {"batch_size": 1},
        {"batch_size": "must be at least 2 with use_batch_norm, got 1: one sample has no variance"},
    ),
    "cosine to nowhere": (
        {"schedule": "cosine"},
        {"epochs": "is needed by schedule: cosine: give the number of epochs planned in total"},
    ),
    "warm-up of nothing": (
        {"warmup_fraction": 0.1},
        {"epochs": "is needed by warmup_fraction: give the number of epochs planned in total"},
    ),
    "misspelt choice that may be null": (
        {"evolver_activation": "tahn"},
        {"evolver_activation": "must be one of relu, gelu, tanh, silu, elu; got 'tahn': did you mean 'tanh'?"},
    ),
    "an encoder without a stimulus": (
        {"stimulus_dims": 64, "stimulus_units": 64},
        {"stimulus_dims": "must be null or 0 without use_stimulus, got 64: it encodes that"},
    ),
    "sizes of no encoder": (
        {"use_stimulus": True, "stimulus_layers": 3, "stimulus_units": 64, "stimulus_dims": 0},
        {"stimulus_units": "is of the stimulus encoder, which there is only with stimulus_dims of at least 1, got 64"}
        | {
            "stimulus_layers": "is of the stimulus encoder, which there is only with stimulus_dims of at least 1, got 3"
        },
    ),
    "warm-up of everything": (
        {"reconstruction_warmup_epochs": 5, "epochs": 5},
        {
            "reconstruction_warmup_epochs": "must be less than epochs, which is 5, got 5: nothing would be trained to "
            "predict"
        },
    ),
    "a part without width": ({"encoder_units": 0}, {"encoder_units": "must be at least 1, got 0"}),
    "negative penalty": ({"decoder_l1": -0.1}, {"decoder_l1": "must be at least 0, got -0.1"}),
}


@pytest.mark.parametrize(("config", "messages"), MESSAGES.values(), ids=MESSAGES.keys())
def test_each_mistake_has_its_message(config: dict[str, Any], messages: dict[str, str]) -> None:
    """Every mistaken key is answered by what is wrong, the value got, and what is allowed."""
    assert check_config(config) == messages
    assert list(check_config(config)) == list(messages)
    with pytest.raises(ValueError, match="has mistakes") as refused:
        parse_config(config)
    assert str(refused.value).splitlines()[1:] == [f"{key}: {message}" for key, message in messages.items()]


def test_a_wrong_configuration_cannot_be_made() -> None:
    """The constructor refuses what the check refuses, conflicts too."""
    with pytest.raises(ValueError, match="mistakes:\nbatch_size: must be a whole number, got True"):
        TrainingConfig(batch_size=True)
    with pytest.raises(ValueError, match="mistakes:\nepochs: is needed by schedule: cosine"):
        TrainingConfig(schedule="cosine")
    with pytest.raises(TypeError, match="zebra"):
        TrainingConfig(zebra=1)  # type: ignore[call-arg]


def test_parse_reports_all_mistakes_at_once() -> None:
    """Parsing a configuration with two mistakes names both, one per line."""
    with pytest.raises(ValueError, match="mistakes:\nl1: must be at least 0, got -1\nbatch_size: must be at least"):
        parse_config({"l1": -1, "batch_size": 0})


def test_published_defaults() -> None:
    """An empty configuration is the published model: latent 256, three layers of 256, ReLU, batch norm, Adam."""
    config = parse_config({})
    assert (config.latent_dims, config.hidden_units, config.layers) == (256, 256, (3, 3, 3))
    assert (config.activation, config.use_batch_norm, config.optimizer) == ("relu", True, "adam")
    assert (config.l1, config.schedule, config.use_stimulus) == (0.0, "constant", False)
    assert (config.units, config.loss, config.input_skips) == ((256, 256, 256), "mse", False)
    assert (config.stimulus_dims, config.evolver_activation, config.evolver_zero_init) == (None, None, False)
    assert set(config.part_l1.values()) == {0.0}


def test_fine_configurations() -> None:
    """Whole numbers do for numbers, null switches an option off, and parts may have layers of their own."""
    assert check_config({"learning_rate": 1, "gradient_clipping": None, "ema": None, "epochs": 3}) == {}
    assert check_config({"batch_size": 1, "use_batch_norm": False}) == {}
    assert parse_config({"hidden_layers": 2, "decoder_layers": 0}).layers == (2, 2, 0)
    assert parse_config({"hidden_units": 2, "decoder_units": 5}).units == (2, 2, 5)
    assert check_config({"use_stimulus": True, "stimulus_dims": 0, "evolver_activation": None}) == {}
    assert check_config({"use_stimulus": True, "stimulus_dims": 64, "stimulus_layers": 0}) == {}


def test_every_parameter_is_documented() -> None:
    """The page about the model names each field."""
    page = (Path(__file__).parents[3] / "docs" / "model.md").read_text(encoding="utf-8")
    assert [one.name for one in fields(TrainingConfig) if f"`{one.name}`" not in page] == []


def test_frozen() -> None:
    """A configuration does not change once it is made."""
    with pytest.raises(FrozenInstanceError):
        TrainingConfig().batch_size = 3  # type: ignore[misc]
