"""What one training is: every hyperparameter with its unit, range and reason.

The names are those of the published sweeps, so a study's `fixed` and `space` values go straight in.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

PositiveInt = Annotated[int, Field(ge=1)]
LayerCount = Annotated[int, Field(ge=0, le=64)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Activation = Literal["relu", "gelu", "tanh", "silu", "elu"]
OptimizerName = Literal["adam", "adamw", "sgd"]


class TrainingConfig(BaseModel):
    """One configuration of the latent-evolution model; the defaults are the published ones.

    Raises:
        ValidationError: On construction, for unknown names, wrong types, values out of range or values that
            contradict each other. `check_config` says the same in plain words.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    learning_rate: float = Field(default=1e-3, gt=0, description="peak step size of the optimizer")
    batch_size: PositiveInt = Field(default=256, description="time steps per batch, drawn with replacement")
    latent_dims: PositiveInt = Field(default=256, description="size L of the latent state")
    use_batch_norm: bool = Field(default=True, description="BatchNorm1d after each hidden linear layer")
    hidden_units: PositiveInt = Field(default=256, description="width H of each hidden layer")
    hidden_layers: LayerCount = Field(default=3, description="hidden layers of each part; 0 makes it linear")
    encoder_layers: LayerCount | None = Field(default=None, description="overrides hidden_layers in the encoder")
    evolver_layers: LayerCount | None = Field(default=None, description="overrides hidden_layers in the evolver")
    decoder_layers: LayerCount | None = Field(default=None, description="overrides hidden_layers in the decoder")
    activation: Activation = Field(default="relu", description="after each hidden layer")
    l1: float = Field(default=0.0, ge=0, description="weight of the sum of |p| over all parameters in the loss")
    optimizer: OptimizerName = Field(default="adam", description="adam and sgd decay in the gradient, adamw apart")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="of sgd; the others ignore it")
    weight_decay: float = Field(default=0.0, ge=0, description="L2 penalty, as torch.optim defines it")
    epochs: PositiveInt | None = Field(default=None, description="planned in total; only the schedule reads it")
    gradient_clipping: float | None = Field(default=None, gt=0, description="largest gradient norm of a seed")
    schedule: Literal["constant", "cosine"] = Field(default="constant", description="of the learning rate")
    warmup_fraction: Fraction = Field(default=0.0, description="share of all steps with a linearly rising rate")
    final_learning_rate_fraction: Fraction = Field(default=0.0, description="where cosine ends, of learning_rate")
    ema: float | None = Field(default=None, gt=0, lt=1, description="decay of the averaged weights; evaluates those")
    use_stimulus: bool = Field(default=False, description="the evolver also sees the stimulus at t")
    precision: Literal["auto", "float32", "tf32", "bfloat16"] = Field(
        default="auto", description="of matrix products; auto: tf32 on a GPU, float32 on a CPU"
    )
    recording_precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="in which the recording lies in memory; bfloat16 halves it"
    )
    deterministic: bool = Field(default=False, description="bit-identical repeats on the same kind of device")
    compile: Literal["auto", "on", "off"] = Field(
        default="auto", description="torch.compile; auto: on a GPU, where it pays after its compile time"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="auto: cuda where there is one")

    @model_validator(mode="after")
    def _reject_conflicts(self) -> Self:
        conflicts = _find_conflicts(self)
        if conflicts:
            raise ValueError("; ".join(f"{key}: {message}" for key, message in conflicts.items()))
        return self

    @property
    def layers(self) -> tuple[int, int, int]:
        """Hidden layers of encoder, evolver and decoder."""
        parts = (self.encoder_layers, self.evolver_layers, self.decoder_layers)
        encoder, evolver, decoder = (self.hidden_layers if part is None else part for part in parts)
        return encoder, evolver, decoder


def check_config(config: Mapping[str, Any]) -> dict[str, str]:
    """Say what is wrong with each mistaken key, in words for the person who wrote it.

    Args:
        config: One flat mapping of hyperparameters.

    Returns:
        Key to message, in the order of the keys; empty when the configuration is fine.
    """
    try:
        TrainingConfig.model_validate(dict(config))
    except ValidationError as error:
        mistakes = error.errors(include_url=False)
        if any(not mistake["loc"] for mistake in mistakes):
            return _find_conflicts(TrainingConfig.model_construct(**config))
        found = {str(mistake["loc"][0]): _describe(mistake) for mistake in mistakes}
        return {key: found[key] for key in map(str, config) if key in found}
    return {}


def parse_config(config: Mapping[str, Any]) -> TrainingConfig:
    """Build a `TrainingConfig`.

    Raises:
        ValueError: Names every mistaken key, one per line.
    """
    mistakes = check_config(config)
    if mistakes:
        lines = [f"{key}: {message}" for key, message in mistakes.items()]
        raise ValueError("\n".join(["the training's configuration has mistakes:", *lines]))
    return TrainingConfig.model_validate(dict(config))


def _find_conflicts(config: TrainingConfig) -> dict[str, str]:
    """Find values that are fine alone but not together."""
    conflicts = {}
    if config.use_batch_norm and config.batch_size == 1:
        conflicts["batch_size"] = "must be at least 2 with use_batch_norm, got 1: one sample has no variance"
    if config.epochs is None and (config.schedule == "cosine" or config.warmup_fraction > 0):
        setting = "schedule: cosine" if config.schedule == "cosine" else "warmup_fraction"
        conflicts["epochs"] = f"is needed by {setting}: give the number of epochs planned in total"
    return conflicts


def _describe(mistake: ErrorDetails) -> str:
    """Turn one of pydantic's findings into what, the value got, and what is allowed."""
    kind, value, context = mistake["type"], mistake["input"], mistake.get("ctx", {})
    if kind == "extra_forbidden":
        return _describe_unknown(str(mistake["loc"][0]))
    if kind == "literal_error":
        allowed = str(context["expected"]).replace("'", "").replace(" or ", ", ")
        near = get_close_matches(str(value), allowed.split(", "), n=1)
        return f"must be one of {allowed}; got {value!r}" + (f": did you mean {near[0]!r}?" if near else "")
    expected = {
        "int_type": "a whole number",
        "float_type": "a number",
        "bool_type": "true or false",
        "finite_number": "a finite number",
    }.get(kind)
    if expected is not None:
        return f"must be {expected}, got {value!r}" + _explain_text_number(kind, value)
    limits = {
        "greater_than": ("greater than", "gt"),
        "greater_than_equal": ("at least", "ge"),
        "less_than": ("less than", "lt"),
        "less_than_equal": ("at most", "le"),
    }
    if kind in limits:
        words, bound = limits[kind]
        return f"must be {words} {context[bound]:g}, got {value!r}"
    return f"{mistake['msg']}, got {value!r}"


def _describe_unknown(key: str) -> str:
    near = get_close_matches(key, TrainingConfig.model_fields, n=1)
    if near:
        return f"unknown parameter: did you mean {near[0]!r}?"
    return f"unknown parameter; known are {', '.join(TrainingConfig.model_fields)}"


def _explain_text_number(kind: str, value: object) -> str:
    """YAML reads 1e-4 as text; that surprise deserves its cure."""
    if kind != "float_type" or not isinstance(value, str):
        return ""
    try:
        number = float(value)
    except ValueError:
        return ""
    return f", which is text (YAML needs a decimal point: {_write_with_point(number)})"


def _write_with_point(number: float) -> str:
    mantissa, mark, exponent = f"{number:g}".partition("e")
    return (mantissa if "." in mantissa else f"{mantissa}.0") + mark + exponent
