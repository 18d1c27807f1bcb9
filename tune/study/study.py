"""The study file: typed, validated, every mistake reported at once with its path and line."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, model_serializer

from tune.errors import FileMistakes
from tune.study import document
from tune.study.checking import Check
from tune.study.document import Document
from tune.study.ladder import Rung, cost, expected_cost, planned, race_share
from tune.study.loggers import Loggers
from tune.study.node import for_trainer, node_mistakes
from tune.study.plan.arms import Arm, Start, arms_of
from tune.study.plan.derived import planned_space, top_ladder
from tune.study.plan.mistakes import plan_mistakes
from tune.study.plan.section import Named as RoundName
from tune.study.plan.section import Round
from tune.study.program.section import Program
from tune.study.sections import Budget, Confirm, Resources, ScoreRule, Search, Seed, Storage, StudySection
from tune.study.settings.conditions import condition_mistakes
from tune.study.settings.constraints import constraint_mistakes
from tune.study.settings.expression import Condition
from tune.study.settings.search_mistakes import search_mistakes
from tune.study.settings.walk import size
from tune.study.space import Choice, Parameter
from tune.study.trained_by import (
    KINDS,
    Named,
    default_recording,
    default_trainer,
    trained_by_mistakes,
    what_trains,
)
from tune.study.values import Value

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def _each_once(seeds: list[int]) -> list[int]:
    twice = [seed for index, seed in enumerate(seeds) if seed in seeds[:index]]
    if twice:
        raise ValueError(f"each seed once, got {twice[0]} twice; a repeated seed is no independent repeat")
    return seeds


def _planned_rungs(given: dict[str, Any]) -> list[Rung]:
    """Returns the ladder of a study that gives none, from the fields before it; empty where these are missing."""
    if given.get("epochs") is None or "seeds" not in given or "budget" not in given:
        return []
    if given.get("plan"):
        return top_ladder(given["plan"], given["epochs"], len(given["seeds"]))
    program = given.get("program")
    resumes = program is None or program.resumes
    return planned(given["epochs"], len(given["seeds"]), given["budget"].seed_epochs, resumes=resumes)


def _planned_space(given: dict[str, Any]) -> dict[str, Parameter]:
    """Returns the space of a study that gives none: that of its plan; empty without one."""
    return planned_space(given.get("base", {}), given.get("plan", {})) if given.get("plan") else {}


class Study(StudySection):
    """One search or plan: a space or rounds of arms, a recording, a budget."""

    name: Annotated[str, Field(pattern=f"^{NAME.pattern}$")] = Field(
        description="a-z, 0-9 and '-'; also the name of the study folder"
    )
    function: Named | None = Field(
        default=None, description="what trains: a function for one seed, as package.module:function"
    )
    program: Program | None = Field(default=None, description="what trains: a command line")
    trainer: Named | None = Field(
        default_factory=default_trainer,
        description="what trains: a class for several seeds side by side, as package.module:Class; with neither a "
        "function nor a program, the built-in one",
    )
    recording: dict[str, Any] = Field(
        default_factory=default_recording,
        description="handed to the trainer as it stands; left out: the built-in one is simulated. Files that it names "
        "are fingerprinted, also those of a function or program, which read their data themselves",
    )
    fixed: dict[str, Value] = Field(default_factory=dict, description="configuration values shared by all trials")
    base: dict[str, Value] = Field(
        default_factory=dict, description="of a plan: the value of every parameter, from which its arms differ"
    )
    plan: dict[RoundName, Round] = Field(
        default_factory=dict, description="rounds of arms in place of a search, by name, worked through in order"
    )
    space: Annotated[dict[str, Parameter], Field(min_length=1)] = Field(
        default_factory=_planned_space, description="the parameters that are searched; of a plan its rounds say it"
    )
    where: list[Condition] = Field(
        default_factory=list,
        description="conditions that settings must meet, such as 'latent_dims <= hidden_units': arithmetic, "
        "comparisons, and, or, not, in, on parameters and fixed values",
    )
    search: Search = Field(default_factory=Search)
    seeds: Annotated[list[Seed], Field(min_length=1), AfterValidator(_each_once)] = Field(
        description="repeats, in the order in which they are used"
    )
    score: ScoreRule = Field(default_factory=ScoreRule)
    confirm: Confirm = Field(default_factory=Confirm)
    budget: Budget = Field(default_factory=Budget)
    epochs: Annotated[int, Field(strict=True, ge=1)] | None = Field(
        default=None, description="of a full training: where `rungs` is left out, the ladder is planned from it"
    )
    rungs: Annotated[list[Rung], Field(min_length=1)] = Field(
        default_factory=_planned_rungs, description="the ladder; the last rung is 'confirmed'"
    )
    resources: Resources = Field(default_factory=Resources)
    storage: Storage = Field(default_factory=Storage)
    loggers: Loggers = Field(default_factory=Loggers)
    check: Check = Field(default_factory=Check)

    @model_serializer(mode="wrap")
    def _said(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leaves out what does not train and what nobody has said: an earlier study is written as it was."""
        unsaid = [key for key in (*KINDS, "where", "base", "plan") if not getattr(self, key)]
        unsaid += ["space", "rungs", "search"] if self.plan else []
        unsaid += [key for key, said in (("loggers", self.loggers.any), ("check", self.check != Check())) if not said]
        said: dict[str, Any] = dump(self)
        return {key: value for key, value in said.items() if key not in unsaid}

    @property
    def what_trains(self) -> str:
        """What trains, in one line."""
        return what_trains(self)

    @property
    def trials(self) -> int:
        """How many trials the study asks for; of a plan, at most."""
        if self.plan:
            searches = [of.search for of in self.plan.values() if of.search is not None]
            return len({arm.key for arm in self.arms}) + sum(search.wanted for search in searches)
        count = size(self.space)
        if self.search.method == "grid" and count is not None:
            return min(self.search.trials or count, count)
        if self.search.trials is not None or self.paid_trials is None:
            return self.search.wanted
        return self.paid_trials if count is None else min(self.paid_trials, count)

    @property
    def paid_trials(self) -> int | None:
        """How many trials `budget.seed_epochs` pays for on average, with those who climb; None without."""
        if self.budget.seed_epochs is None or self.plan:
            return None
        free = self.budget.seed_epochs - self.race_reserve
        return max(1, int(free / expected_cost(self.rungs, self.search.reduction_factor)))

    @property
    def arms(self) -> list[Arm]:
        """The arms of a plan as far as they are known before it is run: later rounds as if they began from `base`."""
        start = Start(self.base, self.top.epochs, len(self.seeds))
        return [arm for name, of in self.plan.items() for arm in arms_of(name, of, start)]

    @property
    def most_seeds(self) -> int:
        """How many seeds a trial can have in the end."""
        return max(self.top.seeds, min(self.confirm.seeds, len(self.seeds)))

    @property
    def race_reserve(self) -> int:
        """How many seed-epochs of the budget are kept for the final race."""
        asked, budget = self.confirm.finalists * (self.most_seeds - self.top.seeds), self.budget.seed_epochs or 0
        share = race_share(self.top.epochs, budget) if self.confirm.share is None else self.confirm.share
        return min(asked * self.top.epochs, int(share * budget))

    @property
    def protected(self) -> tuple[str, ...]:
        """The parameters whose values are compared apart at the first rung."""
        if self.search.protect is not None:
            return tuple(self.search.protect)
        return tuple(
            name
            for name, one in self.space.items()
            if isinstance(one, Choice) and set(map(repr, one.values)) == {"True", "False"}
        )

    @property
    def top(self) -> Rung:
        """The last rung: a trial that reached it is confirmed."""
        return self.rungs[-1]

    @property
    def varying(self) -> dict[str, Parameter]:
        """The parameters that can take more than one value, which are all that a view shows; all, when none can."""
        several = {name: one for name, one in self.space.items() if one.values is None or len(one.values) > 1}
        return several or dict(self.space)

    def rung_seeds(self, rung: int) -> tuple[int, ...]:
        """The seeds that a trial has at a rung."""
        return tuple(self.seeds[: self.rungs[rung].seeds])


_NO_LADDER: tuple[tuple[str | int, ...], str] = (
    ("rungs",),
    "is missing; give the ladder, or `epochs` of a full training to have it planned",
)

_NO_SPACE: tuple[tuple[str | int, ...], str] = (
    ("space",),
    "is missing; give the parameters to search, or `base` and `plan`",
)


def mistakes_of(study: Study) -> list[tuple[tuple[str | int, ...], str]]:
    """Returns what pydantic's types cannot say: path and message of each mistake between fields."""
    if not study.rungs:
        return [_NO_LADDER]
    if study.plan or study.base:
        found = trained_by_mistakes(study, for_trainer({**study.fixed, **study.base}))
        found += [*plan_mistakes(study), *node_mistakes(study), *study.budget.mistakes(study.resources.gpus_per_trial)]
        return found or _small_budget(study)
    if not study.space:
        return [_NO_SPACE]
    found = trained_by_mistakes(study, for_trainer({**study.fixed, **study.space}))
    if study.epochs is not None and study.epochs != study.top.epochs:
        said = f"{study.epochs}, but the last of `rungs` has {study.top.epochs}; give one of the two"
        found.append((("epochs",), said))
    found += [
        (("rungs", index, "seeds"), f"{rung.seeds} seeds asked for, but `seeds` lists {len(study.seeds)}")
        for index, rung in enumerate(study.rungs)
        if rung.seeds > len(study.seeds)
    ]
    for index, (lower, upper) in enumerate(zip(study.rungs, study.rungs[1:], strict=False), start=1):
        if upper.epochs < lower.epochs or upper.seeds < lower.seeds or upper == lower:
            steps = f"{upper.epochs} epochs x {upper.seeds} seeds after {lower.epochs} x {lower.seeds}"
            found.append((("rungs", index), f"the ladder must rise: {steps}"))
    found += [
        (("space", key), "is also under `fixed`; keep one of the two") for key in study.space if key in study.fixed
    ]
    unsound = list(condition_mistakes(study.space))
    found += unsound or [
        *constraint_mistakes(study.where, study.fixed, study.space),
        *search_mistakes(study.search, study.where, study.fixed, study.space),
    ]
    found += node_mistakes(study)
    full = cost(study.top)
    if study.budget.seed_epochs is not None and study.budget.seed_epochs < full:
        found.append(
            (
                ("budget", "seed_epochs"),
                f"{study.budget.seed_epochs} cannot confirm one trial: the full ladder costs {full} seed-epochs",
            )
        )
    return found + study.budget.mistakes(study.resources.gpus_per_trial)


def _small_budget(study: Study) -> list[tuple[tuple[str | int, ...], str]]:
    """Returns that a plan's budget has no room for its first arm, where it is so."""
    first, budget = next(iter(study.arms), None), study.budget.seed_epochs
    if first is None or budget is None or budget >= first.seed_epochs:
        return []
    said = f"{budget} has no room for the first arm, {first.full_name}: it costs {first.seed_epochs} seed-epochs"
    return [(("budget", "seed_epochs"), said)]


def build_study(file: Document) -> Study:
    """Returns the study of a document.

    Raises:
        FileMistakes: With every mistake found.
    """
    study, mistakes = document.validate(Study, file)
    if study is None and not {"space", "plan"} & file.value.keys():
        mistakes.append(file.mistake(*_NO_SPACE))
    if study is None and not {"rungs", "epochs"} & file.value.keys():
        mistakes.append(file.mistake(*_NO_LADDER))
    if study is not None:
        mistakes += [file.mistake(path, message) for path, message in mistakes_of(study)]
    if mistakes or study is None:
        raise FileMistakes(file.source, mistakes)
    return study


def dump_study(study: Study) -> str:
    """Returns the study as YAML, every default filled in; the last line is YAML's mark that nothing follows."""
    return document.dump(study.model_dump(mode="json", by_alias=True)) + "...\n"


def json_schema() -> dict[str, Any]:
    """Returns the JSON Schema of a study file, from the same models, for editors to complete and check by."""
    schema = Study.model_json_schema(by_alias=True)
    schema["title"] = "latent-tune study"
    schema["properties"]["scale"] = {"type": "string", "description": "which of `scales` to apply"}
    schema["properties"]["scales"] = {
        "type": "object",
        "description": "variants: by name, dotted paths and the values they replace; chosen with --set scale=NAME",
        "additionalProperties": {"type": "object"},
    }
    return schema
