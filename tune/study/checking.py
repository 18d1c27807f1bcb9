"""The section `check` of a study file: whether a study is checked before it begins, and what is asked of it."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from tune.study.sections import StudySection

Share = Annotated[float, Field(ge=0, le=1)]

MOST_MINUTES = 10_080
"""Of a check: a week."""


class Check(StudySection):
    """What `latent-tune check` asks of a study: a mode alone, or a mapping (docs/check.md)."""

    model_config = ConfigDict(
        json_schema_extra={"type": ["object", "string"], "pattern": "^(auto|full|off)$"},
    )

    mode: Literal["auto", "full", "off"] = Field(
        default="auto",
        description="full: `run` checks a new study first, and does not begin it where that says no-go; auto: the "
        "first trial at each rung is looked at, which costs nothing, and what it shows is told; off: neither",
    )
    minutes: Annotated[float, Field(gt=0, le=MOST_MINUTES)] = Field(
        default=5.0, description="how long a check may take; what does not fit is left out, and said"
    )
    loss_drop: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.2, description="share of the loss after the first epoch by which it is to have fallen at the last"
    )
    speed_variation: Annotated[float, Field(gt=0)] = Field(
        default=0.2, description="coefficient of variation of the epochs' times, at most"
    )
    iterations_per_second: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="at least; of trainings that tell the metric `iterations`; null: not asked"
    )
    effective_rank: Share = Field(
        default=0.1, description="of the features, as a share of their dimension, at least (collapse)"
    )
    schedule_left: Share = Field(
        default=0.5, description="share of its highest learning rate that a training still has at the first rung's end"
    )
    busy: Share = Field(
        default=0.4, description="share of the time in which a training computes, and does not wait, at least"
    )

    @model_validator(mode="before")
    @classmethod
    def _mode_alone(cls, given: Any) -> Any:
        """Takes a mode alone for the section; `off` is false to those who read YAML 1.1."""
        if given is False:
            return {"mode": "off"}
        return {"mode": given} if isinstance(given, str) else given

    @model_serializer(mode="wrap")
    def _said(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leaves out what nobody has said: a study of an earlier version is written as it was."""
        return {key: value for key, value in dump(self).items() if getattr(self, key) != _DEFAULTS[key]}


_DEFAULTS = {name: field.default for name, field in Check.model_fields.items()}
