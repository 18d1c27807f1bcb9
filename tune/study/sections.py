"""The sections of a study file: how it searches, where it ends, what a trial occupies, where the study is kept."""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from tune.study.places import check_place
from tune.study.units import parse_duration, parse_size
from tune.study.values import Value

Seed = Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]
"""Of random numbers; larger ones fit neither the curves' column of seeds nor PyTorch."""


Price = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
"""An amount of money, in any currency."""

OTHER_BUDGETS = "give budget.wall_clock or budget.seed_epochs instead"
"""What to do about a budget of GPUs where there are none."""

Direction = Literal["minimize", "maximize"]
"""Which values of a metric are better: lower or higher ones."""


class StudySection(BaseModel):
    """A part of a study file, in which unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Search(StudySection):
    """How configurations are chosen."""

    method: Literal["tpe", "gp", "random", "grid"] = Field(
        default="tpe", description="how the next configuration is chosen"
    )
    trials: Annotated[int, Field(strict=True, ge=1)] | None = Field(
        default=None, description="how many trials; null: what budget.seed_epochs pays for, else 24, or the whole grid"
    )
    enqueue: list[dict[str, Value]] = Field(
        default_factory=list,
        description="known good settings, tried first; parameters left out are chosen by the method. In a study file "
        "also the path, from there, of a CSV file with a column per parameter or of an earlier study's folder, whose "
        "confirmed trials are tried best first; what was read is kept with the study",
        json_schema_extra={"anyOf": [{"type": "array", "items": {"type": "object"}}, {"type": "string"}]},
    )
    seed: Seed = Field(default=0, description="of the search, not of the training")
    reduction_factor: Annotated[float, Field(gt=1)] = Field(
        default=3.0, description="one trial in so many climbs from each rung to the next"
    )
    halving: Literal["promote", "stop"] = Field(
        default="promote",
        description="promote: a trial waits at its rung until it is among the best; stop: it goes on at once or never",
    )
    protect: list[str] | None = Field(
        default=None,
        description="parameters whose values are compared apart at the first rung, because some start slowly; "
        "null: those that are only true or false",
    )

    @property
    def wanted(self) -> int:
        """How many trials, where neither a budget nor the space says it."""
        return 24 if self.trials is None else self.trials


class ScoreRule(StudySection):
    """How the losses of a trial's seeds become one number."""

    metric: Annotated[str, Field(min_length=1)] = Field(
        default="validation_loss", description="the curve column that is scored"
    )
    direction: Direction | None = Field(
        default=None,
        description="which values of the metric are better; null: what is known of a scorer of scikit-learn's, else "
        "lower ones, and where its name looks like an accuracy's it is asked about",
    )
    baseline: Annotated[float, Field(strict=True, allow_inf_nan=False)] | None = Field(
        default=None, description="the value that a run must beat, or it has failed; null: what the trainer says"
    )
    risk: Annotated[float, Field(ge=0)] = Field(
        default=1.0, description="how many standard deviations over seeds are added to the mean"
    )
    cap: Annotated[float, Field(gt=1)] = Field(
        default=3.0, description="a failed seed counts with a loss of at most this many baselines"
    )
    prior_spread: Annotated[float, Field(ge=0)] = Field(
        default=0.1, description="spread over seeds that is taken for granted, as a share of the mean, like one seed's"
    )
    prior_failures: Annotated[float, Field(ge=0)] = Field(
        default=0.1, description="failed seeds that are taken for granted, so that few seeds never look safe"
    )
    unrest: Annotated[float, Field(ge=0)] = Field(
        default=1.0, description="weight of the rises of the scored metric over the last epochs"
    )

    @model_serializer(mode="wrap")
    def _said(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leaves out what nobody has said: a study of an earlier version is written as it was."""
        return {key: value for key, value in dump(self).items() if value is not None}

    @property
    def maximize(self) -> bool:
        """Whether higher values of the metric are better."""
        return self.direction == "maximize"


class Budget(StudySection):
    """Where the study ends, whichever comes first; trials in flight finish their rung."""

    seed_epochs: Annotated[int, Field(strict=True, ge=1)] | None = Field(
        default=None, description="epochs trained, summed over seeds and trials"
    )
    wall_clock: Annotated[float, Field(gt=0), BeforeValidator(parse_duration)] | None = Field(
        default=None,
        description="seconds, or like 30min; time while no process works on the study is not counted",
        json_schema_extra={"anyOf": [{"type": "number"}, {"type": "string"}, {"type": "null"}]},
    )
    gpu_hours: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="hours in which a trial held its GPUs, times resources.gpus_per_trial, summed over trials; "
        "work that was trained again included",
    )
    money: Price | None = Field(
        default=None, description="what the study may cost, in any currency: GPU-hours times `price_per_gpu_hour`"
    )
    price_per_gpu_hour: Price | None = Field(
        default=None, description="of one GPU, in the currency of `money`; views tell the cost in money as well"
    )

    @model_serializer(mode="wrap")
    def _said(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leaves out of money what nobody has said: a study of an earlier version is written as it was."""
        said: dict[str, Any] = dump(self)
        unsaid = [key for key in ("money", "price_per_gpu_hour") if said.get(key) is None]
        return {key: value for key, value in said.items() if key not in unsaid}

    @property
    def most_gpu_hours(self) -> float | None:
        """The GPU-hours after which the study ends: `gpu_hours`, or what `money` pays for, whichever are fewer."""
        paid = None if self.money is None or self.price_per_gpu_hour is None else self.money / self.price_per_gpu_hour
        return min((limit for limit in (self.gpu_hours, paid) if limit is not None), default=None)

    def bill(self, gpu_hours: float) -> float | None:
        """Returns what GPU-hours cost, in the currency of the price; None where nobody said a price."""
        return None if self.price_per_gpu_hour is None else gpu_hours * self.price_per_gpu_hour

    def mistakes(self, gpus_per_trial: float | str) -> list[tuple[tuple[str | int, ...], str]]:
        """Returns path and message of what would never be used, or could not be reckoned.

        Args:
            gpus_per_trial: As in `resources`.
        """
        found: list[tuple[tuple[str | int, ...], str]] = []
        if self.money is not None and self.price_per_gpu_hour is None:
            unpriced = f"{self.money:g} buys nobody knows how much, because budget.price_per_gpu_hour is missing"
            found.append((("budget", "money"), f"{unpriced}; give the price of a GPU-hour, such as 2.50"))
        if gpus_per_trial:
            return found
        for key in ("gpu_hours", "money", "price_per_gpu_hour"):
            if (value := getattr(self, key)) is not None:
                never = f"{value:g} would never be used, because resources.gpus_per_trial is 0; set that above 0, or "
                instead = "leave it out" if key == "price_per_gpu_hour" else OTHER_BUDGETS
                found.append((("budget", key), never + instead))
        return found


class Confirm(StudySection):
    """The final race: the best few confirmed trials get more of `seeds` than the ladder gives, one at a time."""

    seeds: Annotated[int, Field(strict=True, ge=1)] = Field(
        default=10, description="seeds that a trial can have in the end; no more than `seeds` lists"
    )
    finalists: Annotated[int, Field(strict=True, ge=1)] = Field(
        default=12, description="trials that can get more seeds"
    )
    share: Annotated[float, Field(ge=0, lt=1)] | None = Field(
        default=None,
        description="share of budget.seed_epochs that is kept for it, at most; left out: a fifth, or a tenth where the "
        "budget pays for fewer than 32 full trainings",
    )


class Resources(StudySection):
    """What one trial occupies."""

    cpus_per_trial: Annotated[float, Field(gt=0)] = Field(default=1, description="cores; below 1 shares a core")
    gpus_per_trial: Literal["auto"] | Annotated[float, Field(ge=0)] = Field(
        default=0.0,
        description="GPUs; below 1 shares a GPU; auto: a trial is measured on each type of GPU, and as many share one "
        "as fit (docs/placement.md)",
    )
    placement: Literal["packed", "spread", "auto"] = Field(
        default="packed",
        description="seeds of a trial train together in one process (packed), in as many as there are slots (spread), "
        "or in more than one only where slots would be idle (auto); the results are the same",
    )
    retries: Annotated[int, Field(strict=True, ge=0)] = Field(
        default=1,
        description="how often a unit of work that crashed or stalled is tried again; out of memory and lost machines "
        "have rules of their own (docs/failures.md)",
    )
    stall_after: Annotated[float, Field(gt=0), BeforeValidator(parse_duration)] | None = Field(
        default=600,
        description="seconds, or like 10min: a trial of which nothing is heard for so long, and for `stall_factor` "
        "epochs, has stalled; six times that until the first epoch of a unit, which loads and compiles; null: never",
        json_schema_extra={"anyOf": [{"type": "number"}, {"type": "string"}, {"type": "null"}]},
    )
    stall_factor: Annotated[float, Field(ge=1)] = Field(
        default=10.0,
        description="so many of a trial's own epochs; neighbours and a busy disk make one two or three times as long, "
        "not ten",
    )

    @property
    def gpus(self) -> float:
        """How many GPUs a trial holds; 0 where that is measured, and as long as it is not known."""
        return 0.0 if self.gpus_per_trial == "auto" else self.gpus_per_trial

    @property
    def threads(self) -> int:
        """How many threads a training uses; the same everywhere, because float sums depend on it."""
        return max(1, int(self.cpus_per_trial))


class Storage(StudySection):
    """Where the study is kept."""

    database: str | None = Field(
        default=None, description="SQLAlchemy URL of the Optuna study; null: study.db in the study folder"
    )
    shared: Annotated[str, BeforeValidator(check_place)] | None = Field(
        default=None,
        description="where checkpoints lie, and a copy of the decisions and curves, under the study's name: a folder "
        "that every node sees (an absolute path or file:// URI), or an object store (s3://bucket/prefix, gs://...); "
        "credentials come from the environment, never from here. null: the study folder, without a copy "
        "(docs/storage.md)",
    )
    copy_every: Annotated[float, Field(gt=0), BeforeValidator(parse_duration)] = Field(
        default=30.0,
        description="seconds, or like 1min: how old the copy in `shared` may become while decisions are taken",
        json_schema_extra={"anyOf": [{"type": "number"}, {"type": "string"}]},
    )
    checkpoints: Literal["every_rung", "every_epoch"] | Annotated[int, Field(strict=True, ge=1)] = Field(
        default="every_rung", description="when a trial's state is saved; a number: every so many epochs, and at rungs"
    )
    keep: Literal["all"] | Annotated[int, Field(strict=True, ge=0)] = Field(
        default=3,
        description="of how many confirmed trials, the best ones, the latest checkpoints are kept, beside those of "
        "trials that are not finished; all: of every trial. A finished study that is extended trains a trial without "
        "checkpoints again from its first epoch, to the same result, counted as redone",
    )
    min_free: Annotated[int, Field(strict=True, ge=0), BeforeValidator(parse_size)] = Field(
        default=500_000_000,
        description="bytes, or like 2GB: how much must be free on the disk of the study's folder; with less no new "
        "work is begun and the study pauses. 0: not looked at",
        json_schema_extra={"anyOf": [{"type": "integer"}, {"type": "string"}]},
    )
