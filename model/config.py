"""What one training is: every hyperparameter with its range and meaning, checked in plain words.

The names are those of the published sweeps, so a study's `fixed` and `space` values go straight in. Nothing but the
standard library: a bare GPU machine trains with torch and numpy alone.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from difflib import get_close_matches
from math import isfinite
from types import NoneType
from typing import Any, Literal, get_args, get_origin

LIMITS: Mapping[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "gt": ("greater than", operator.gt),
    "ge": ("at least", operator.ge),
    "lt": ("less than", operator.lt),
    "le": ("at most", operator.le),
}


def parameter(default: Any, description: str, **limits: float) -> Any:
    """Declare a hyperparameter; its annotation says which values are of the right type.

    Args:
        default: The published value.
        description: What it is, with its unit.
        limits: Of numbers, by the names in `LIMITS`.
    """
    return field(default=default, metadata={"description": description, "limits": limits})


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """One configuration of the latent-evolution model; the defaults are the published ones.

    Raises:
        ValueError: On construction, for wrong types, values out of range or values that contradict each other.
    """

    learning_rate: float = parameter(1e-3, "peak step size of the optimizer", gt=0)
    batch_size: int = parameter(256, "time steps per batch, drawn with replacement", ge=1)
    latent_dims: int = parameter(256, "size L of the latent state", ge=1)
    use_batch_norm: bool = parameter(True, "BatchNorm1d after each hidden linear layer")
    hidden_units: int = parameter(256, "width H of each hidden layer", ge=1)
    encoder_units: int | None = parameter(None, "overrides hidden_units in the encoder", ge=1)
    evolver_units: int | None = parameter(None, "overrides hidden_units in the evolver", ge=1)
    decoder_units: int | None = parameter(None, "overrides hidden_units in the decoder", ge=1)
    hidden_layers: int = parameter(3, "hidden layers of each part; 0 makes it linear", ge=0, le=64)
    encoder_layers: int | None = parameter(None, "overrides hidden_layers in the encoder", ge=0, le=64)
    evolver_layers: int | None = parameter(None, "overrides hidden_layers in the evolver", ge=0, le=64)
    decoder_layers: int | None = parameter(None, "overrides hidden_layers in the decoder", ge=0, le=64)
    activation: Literal["relu", "gelu", "tanh", "silu", "elu"] = parameter("relu", "after each hidden layer")
    evolver_activation: Literal["relu", "gelu", "tanh", "silu", "elu"] | None = parameter(
        None, "overrides activation in the evolver"
    )
    input_skips: bool = parameter(
        False,
        "each layer after a part's first, the last too, also gets a linear projection of the part's input, as wide as "
        "a hidden layer of that part and without activation",
    )
    evolver_zero_init: bool = parameter(False, "the evolver's last layer starts at zero: it predicts no change")
    evolve_steps: int = parameter(
        1, "time steps k from what is seen to what is predicted: the evolver runs k times, validation is at k too", ge=1
    )
    evolve_multiples: int = parameter(
        1, "the prediction's training loss is the mean of those at k, 2 k, ... and so many times evolve_steps", ge=1
    )
    reconstruction_warmup_epochs: int = parameter(
        0,
        "the first so many epochs train encoder and decoder alone, by the loss of reconstruction; then the optimizer "
        "starts anew",
        ge=0,
    )
    rollout_steps: int = parameter(
        0,
        "observed steps, evolve_steps apart, that the model runs freely for when a rung is evaluated; 0: it does not",
        ge=0,
    )
    rollout_starts: int = parameter(
        16, "rows of the validation split, at equal distances, from which it does; fewer where there are fewer", ge=1
    )
    loss: Literal["mse", "huber", "l1"] = parameter(
        "mse", "of prediction and reconstruction in training; huber: quadratic up to an error of 1, then linear"
    )
    l1: float = parameter(0.0, "weight of the sum of |p| over all parameters in the loss", ge=0)
    encoder_l1: float = parameter(0.0, "weight of the mean of |p| over the encoder's parameters in the loss", ge=0)
    evolver_l1: float = parameter(0.0, "weight of the mean of |p| over the evolver's parameters in the loss", ge=0)
    decoder_l1: float = parameter(0.0, "weight of the mean of |p| over the decoder's parameters in the loss", ge=0)
    optimizer: Literal["adam", "adamw", "sgd"] = parameter("adam", "adam and sgd decay in the gradient, adamw apart")
    momentum: float = parameter(0.9, "of sgd; the others ignore it", ge=0, lt=1)
    weight_decay: float = parameter(0.0, "L2 penalty, as torch.optim defines it", ge=0)
    epochs: int | None = parameter(None, "planned in total; only the schedule reads it", ge=1)
    gradient_clipping: float | None = parameter(None, "largest gradient norm of a seed", gt=0)
    schedule: Literal["constant", "cosine"] = parameter("constant", "of the learning rate")
    warmup_fraction: float = parameter(0.0, "share of all steps with a linearly rising rate", ge=0, le=1)
    final_learning_rate_fraction: float = parameter(0.0, "where cosine ends, of learning_rate", ge=0, le=1)
    ema: float | None = parameter(None, "decay of the averaged weights; evaluates those", gt=0, lt=1)
    use_stimulus: bool = parameter(False, "the evolver also sees the stimulus at t")
    stimulus_dims: int | None = parameter(
        None,
        "size of the latent that a stimulus encoder makes of the stimulus for the evolver; none or 0: as it is",
        ge=0,
    )
    stimulus_units: int | None = parameter(None, "overrides hidden_units in the stimulus encoder", ge=1)
    stimulus_layers: int | None = parameter(None, "overrides hidden_layers in the stimulus encoder", ge=0, le=64)
    precision: Literal["auto", "float32", "tf32", "bfloat16"] = parameter(
        "auto", "of matrix products; auto: tf32 on a GPU, float32 on a CPU"
    )
    recording_precision: Literal["float32", "bfloat16"] = parameter(
        "float32", "in which the recording lies in memory; bfloat16 halves it"
    )
    deterministic: bool = parameter(False, "bit-identical repeats on the same kind of device")
    compile: Literal["auto", "on", "off"] = parameter(
        "auto", "torch.compile; auto: on a GPU, where it pays after its compile time"
    )
    device: Literal["auto", "cpu", "cuda"] = parameter("auto", "auto: cuda where there is one")

    def __post_init__(self) -> None:
        _refuse_mistakes(vars(self))

    @property
    def layers(self) -> tuple[int, int, int]:
        """Hidden layers of encoder, evolver and decoder."""
        parts = (self.encoder_layers, self.evolver_layers, self.decoder_layers)
        encoder, evolver, decoder = (self.hidden_layers if part is None else part for part in parts)
        return encoder, evolver, decoder

    @property
    def units(self) -> tuple[int, int, int]:
        """Width of a hidden layer of encoder, evolver and decoder."""
        encoder, evolver, decoder = (
            part or self.hidden_units for part in (self.encoder_units, self.evolver_units, self.decoder_units)
        )
        return encoder, evolver, decoder

    @property
    def stimulus_shape(self) -> tuple[int, int]:
        """Hidden layers of the stimulus encoder and the width of each."""
        layers = self.hidden_layers if self.stimulus_layers is None else self.stimulus_layers
        return layers, self.stimulus_units or self.hidden_units

    @property
    def horizon(self) -> int:
        """Time steps from a row that is trained on to the last that its loss needs."""
        return self.evolve_steps * self.evolve_multiples

    @property
    def part_l1(self) -> dict[str, float]:
        """Part to the weight of the mean of |p| over its parameters."""
        return {"encoder": self.encoder_l1, "evolver": self.evolver_l1, "decoder": self.decoder_l1}


_DECLARED: Mapping[str, Field[Any]] = {declared.name: declared for declared in fields(TrainingConfig)}


def check_config(config: Mapping[str, Any]) -> dict[str, str]:
    """Say what is wrong with each mistaken key, in words for the person who wrote it.

    Args:
        config: One flat mapping of hyperparameters.

    Returns:
        Key to message, in the order of the keys; empty when the configuration is fine.
    """
    found = {key: message for key, value in config.items() if (message := _find_mistake(key, value))}
    return found or _find_conflicts(config)


def parse_config(config: Mapping[str, Any]) -> TrainingConfig:
    """Build a `TrainingConfig`.

    Raises:
        ValueError: Names every mistaken key, unknown ones too, one per line.
    """
    _refuse_mistakes(config)
    return TrainingConfig(**config)


def _refuse_mistakes(config: Mapping[str, Any]) -> None:
    mistakes = check_config(config)
    if mistakes:
        lines = [f"{key}: {message}" for key, message in mistakes.items()]
        raise ValueError("\n".join(["the training's configuration has mistakes:", *lines]))


def _find_conflicts(config: Mapping[str, Any]) -> dict[str, str]:
    """Find values that are fine alone but not together."""
    values: dict[str, Any] = {name: declared.default for name, declared in _DECLARED.items()} | dict(config)
    conflicts = {}
    if values["use_batch_norm"] and values["batch_size"] == 1:
        conflicts["batch_size"] = "must be at least 2 with use_batch_norm, got 1: one sample has no variance"
    if values["epochs"] is None and (values["schedule"] == "cosine" or values["warmup_fraction"] > 0):
        setting = "schedule: cosine" if values["schedule"] == "cosine" else "warmup_fraction"
        conflicts["epochs"] = f"is needed by {setting}: give the number of epochs planned in total"
    warmup = values["reconstruction_warmup_epochs"]
    if values["epochs"] is not None and warmup >= values["epochs"]:
        planned = f"must be less than epochs, which is {values['epochs']}, got {warmup}"
        conflicts["reconstruction_warmup_epochs"] = f"{planned}: nothing would be trained to predict"
    return conflicts | _find_stimulus_conflicts(values)


def _find_stimulus_conflicts(values: Mapping[str, Any]) -> dict[str, str]:
    """Find settings of a stimulus encoder that is not there."""
    if values["stimulus_dims"]:
        if values["use_stimulus"]:
            return {}
        return {
            "stimulus_dims": f"must be null or 0 without use_stimulus, got {values['stimulus_dims']}: it encodes that"
        }
    own = [name for name in ("stimulus_units", "stimulus_layers") if values[name] is not None]
    needs = "is of the stimulus encoder, which there is only with stimulus_dims of at least 1"
    return {name: f"{needs}, got {values[name]}" for name in own}


def _find_mistake(key: str, value: object) -> str | None:
    """Say what is wrong with one value by itself: its name, type, choice or range."""
    declared = _DECLARED.get(key)
    if declared is None:
        near = get_close_matches(str(key), _DECLARED, n=1)
        return "unknown parameter" + (f": did you mean {near[0]!r}?" if near else f"; known are {', '.join(_DECLARED)}")
    kinds = (declared.type,) if get_origin(declared.type) is Literal else get_args(declared.type) or (declared.type,)
    if value is None and NoneType in kinds:
        return None
    if get_origin(kinds[0]) is Literal:
        return _find_other_choice(get_args(kinds[0]), value)
    return _find_other_type(kinds[0], value) or _find_excess(declared.metadata["limits"], value)


def _find_other_choice(allowed: Sequence[str], value: object) -> str | None:
    if isinstance(value, str) and value in allowed:
        return None
    near = get_close_matches(str(value), allowed, n=1)
    return f"must be one of {', '.join(allowed)}; got {value!r}" + (f": did you mean {near[0]!r}?" if near else "")


def _find_other_type(kind: type, value: object) -> str | None:
    """Whole numbers do for numbers; true and false, which Python counts as 1 and 0, do not."""
    fits = isinstance(value, int | float if kind is float else kind)
    if not fits or (isinstance(value, bool) and kind is not bool):
        words = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
        return f"must be {words}, got {value!r}" + (_explain_text_number(value) if kind is float else "")
    return None


def _find_excess(limits: Mapping[str, float], value: Any) -> str | None:
    if isinstance(value, float) and not isfinite(value):
        return f"must be a finite number, got {value!r}"
    for name, limit in limits.items():
        words, holds = LIMITS[name]
        if not holds(value, limit):
            return f"must be {words} {limit:g}, got {value!r}"
    return None


def _explain_text_number(value: object) -> str:
    """YAML reads 1e-4 as text; that surprise deserves its cure."""
    try:
        number = float(value) if isinstance(value, str) else None
    except ValueError:
        return ""
    return "" if number is None else f", which is text (YAML needs a decimal point: {_write_with_point(number)})"


def _write_with_point(number: float) -> str:
    mantissa, mark, exponent = f"{number:g}".partition("e")
    return (mantissa if "." in mantissa else f"{mantissa}.0") + mark + exponent
