"""The study file: typed, validated, every mistake reported at once with its path and line."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, model_serializer

from tune.errors import FileMistakes, UserMistake, did_you_mean
from tune.study import document
from tune.study.checking import Check
from tune.study.document import Document
from tune.study.ladder import Rung, cost, expected_cost, planned, race_share
from tune.study.loggers import Loggers
from tune.study.program.section import Program
from tune.study.sections import Budget, Confirm, Resources, ScoreRule, Search, Seed, Storage, StudySection
from tune.study.settings.conditions import condition_mistakes
from tune.study.settings.constraints import constraint_mistakes
from tune.study.settings.expression import Condition
from tune.study.settings.search_mistakes import search_mistakes
from tune.study.settings.starting_points import EarlierTrials, settle_starting_points
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
BUNDLED = Path(__file__).resolve().parents[2] / "search_spaces"
"""Where the studies that come with the package lie, in a checkout and in an installation alike."""


def _each_once(seeds: list[int]) -> list[int]:
    twice = [seed for index, seed in enumerate(seeds) if seed in seeds[:index]]
    if twice:
        raise ValueError(f"each seed once, got {twice[0]} twice; a repeated seed is no independent repeat")
    return seeds


def _planned_rungs(given: dict[str, Any]) -> list[Rung]:
    """Returns the ladder of a study that gives none, from the fields before it; empty where these are missing."""
    if given.get("epochs") is None or "seeds" not in given or "budget" not in given:
        return []
    program = given.get("program")
    resumes = program is None or program.resumes
    return planned(given["epochs"], len(given["seeds"]), given["budget"].seed_epochs, resumes=resumes)


class Study(StudySection):
    """One search: a space, a recording, a budget."""

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
    space: Annotated[dict[str, Parameter], Field(min_length=1)] = Field(description="the parameters that are searched")
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
        unsaid = [key for key in (*KINDS, "where") if not getattr(self, key)]
        unsaid += [key for key, said in (("loggers", self.loggers.any), ("check", self.check != Check())) if not said]
        said: dict[str, Any] = dump(self)
        return {key: value for key, value in said.items() if key not in unsaid}

    @property
    def what_trains(self) -> str:
        """What trains, in one line."""
        return what_trains(self)

    @property
    def trials(self) -> int:
        """How many trials the study asks for."""
        count = size(self.space)
        if self.search.method == "grid" and count is not None:
            return min(self.search.trials or count, count)
        if self.search.trials is not None or self.paid_trials is None:
            return self.search.trials or 24
        return self.paid_trials if count is None else min(self.paid_trials, count)

    @property
    def paid_trials(self) -> int | None:
        """How many trials `budget.seed_epochs` pays for on average, with those who climb; None without."""
        if self.budget.seed_epochs is None:
            return None
        free = self.budget.seed_epochs - self.race_reserve
        return max(1, int(free / expected_cost(self.rungs, self.search.reduction_factor)))

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


def mistakes_of(study: Study) -> list[tuple[tuple[str | int, ...], str]]:
    """Returns what pydantic's types cannot say: path and message of each mistake between fields."""
    if not study.rungs:
        return [_NO_LADDER]
    found = trained_by_mistakes(study, [*study.fixed, *study.space])
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
    full = cost(study.top)
    if study.budget.seed_epochs is not None and study.budget.seed_epochs < full:
        found.append(
            (
                ("budget", "seed_epochs"),
                f"{study.budget.seed_epochs} cannot confirm one trial: the full ladder costs {full} seed-epochs",
            )
        )
    return found + study.budget.mistakes(study.resources.gpus_per_trial)


def find(path: str) -> Path:
    """Returns the study file: the path itself, or the study of that name that comes with the package.

    Raises:
        UserMistake: If there is neither.
    """
    given = Path(path)
    if given.is_file():
        return given
    stem = given.name.removesuffix(".yaml")
    bundled = BUNDLED / f"{stem}.yaml"
    if given.parent in (Path(), Path("search_spaces")) and NAME.fullmatch(stem) and bundled.is_file():
        return bundled
    names = sorted(file.stem for file in BUNDLED.glob("*.yaml"))
    raise UserMistake(
        f"{path}: no such file, and no study of that name comes with the package{did_you_mean(stem, names)}"
    )


def read_study(
    path: Path,
    overrides: Sequence[str] = (),
    earlier: EarlierTrials | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Study:
    """Reads and checks a study file.

    A file may hold variants under `scales`, each a mapping of dotted paths to values; `scale=small` among the
    overrides (or the key `scale` in the file) applies one before the other overrides.

    Args:
        path: The YAML file.
        overrides: `path=value` as given to `--set`, applied in order.
        earlier: Reads the folders of earlier studies that `search.enqueue` may name; None: it may name CSV files.
        tell: Takes lines for people: what of an earlier table was read, and what was left out.

    Raises:
        UserMistake: If the file cannot be read.
        FileMistakes: With every mistake found.
    """
    file = document.read(path)
    document.choose_scale(file, overrides)
    for override in overrides:
        if not override.startswith("scale="):
            document.assign_text(file, override)
    home = path.resolve().parent  # of a study that comes with the package it is where it is run
    for line in settle_starting_points(file, Path() if home == BUNDLED else home, earlier):
        tell(line)
    return build_study(file)


def build_study(file: Document) -> Study:
    """Returns the study of a document.

    Raises:
        FileMistakes: With every mistake found.
    """
    study, mistakes = document.validate(Study, file)
    if study is None and isinstance(file.value, dict) and not {"rungs", "epochs"} & file.value.keys():
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
