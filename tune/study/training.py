"""The training file: one configuration without a search, such as a study's `best.yaml`."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from tune.study.program.section import Program
from tune.study.sections import Direction, Seed
from tune.study.study import NAME
from tune.study.trained_by import Named, default_recording, default_trainer, what_trains
from tune.study.values import Value


class Training(BaseModel):
    """One configuration, trained with all the seeds given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=f"^{NAME.pattern}$")] = Field(description="also the name of the output folder")
    function: Named | None = Field(default=None, description="as in a study")
    program: Program | None = Field(default=None, description="as in a study")
    trainer: Named | None = Field(default_factory=default_trainer, description="as in a study")
    recording: dict[str, Any] = Field(default_factory=default_recording, description="as in a study")
    config: dict[str, Value]
    seeds: Annotated[list[Seed], Field(min_length=1)]
    epochs: Annotated[int, Field(strict=True, ge=1)]
    metric: str = Field(default="validation_loss", description="the metric by which a seed fails")
    direction: Direction | None = Field(default=None, description="as in a study, under score")
    baseline: Annotated[float, Field(strict=True, allow_inf_nan=False)] | None = Field(
        default=None, description="as in a study, under score"
    )
    threads: Annotated[int, Field(strict=True, ge=1)] = 1

    @property
    def what_trains(self) -> str:
        """What trains, in one line."""
        return what_trains(self)
