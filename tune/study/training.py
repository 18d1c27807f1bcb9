"""The training file: one configuration without a search, such as a study's `best.yaml`."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from tune.study.sections import Direction, Seed
from tune.study.study import NAME, TRAINER
from tune.study.values import Value


class Training(BaseModel):
    """One configuration, trained with all the seeds given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=f"^{NAME.pattern}$")] = Field(description="also the name of the output folder")
    trainer: str = TRAINER
    recording: dict[str, Any] = Field(default_factory=lambda: {"simulate": {}})
    config: dict[str, Value]
    seeds: Annotated[list[Seed], Field(min_length=1)]
    epochs: Annotated[int, Field(strict=True, ge=1)]
    metric: str = Field(default="validation_loss", description="the metric by which a seed fails")
    direction: Direction | None = Field(default=None, description="as in a study, under score")
    baseline: Annotated[float, Field(strict=True, allow_inf_nan=False)] | None = Field(
        default=None, description="as in a study, under score"
    )
    threads: Annotated[int, Field(strict=True, ge=1)] = 1
