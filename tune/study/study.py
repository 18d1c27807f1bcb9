"""The study file: typed, validated, every mistake reported at once with its path and line."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, model_serializer

from tune.errors import FileMistakes, Mistake, UserMistake, did_you_mean
from tune.study import document
from tune.study.document import Document
from tune.study.ladder import Rung, cost, expected_cost, planned, race_share
from tune.study.loggers import Loggers
from tune.study.sections import Budget, Confirm, Resources, ScoreRule, Search, Seed, Storage, StudySection
from tune.study.space import Choice, Parameter, Scalar, size

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
TRAINER = "model.trainer:LatentEvolutionTrainer"
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
    return planned(given["epochs"], len(given["seeds"]), given["budget"].seed_epochs)


class Study(StudySection):
    """One search: a space, a recording, a budget."""

    name: Annotated[str, Field(pattern=f"^{NAME.pattern}$")] = Field(
        description="a-z, 0-9 and '-'; also the name of the study folder"
    )
    trainer: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")] = Field(
        default=TRAINER, description="what trains, as package.module:Class"
    )
    recording: dict[str, Any] = Field(
        default_factory=lambda: {"simulate": {}},
        description="handed to the trainer as it stands; left out: the built-in one is simulated",
    )
    fixed: dict[str, Scalar] = Field(default_factory=dict, description="configuration values shared by all trials")
    space: Annotated[dict[str, Parameter], Field(min_length=1)] = Field(description="the parameters that are searched")
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

    @model_serializer(mode="wrap")
    def _said(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leaves out what nobody has said: a study of an earlier version is written as it was."""
        said: dict[str, Any] = dump(self)
        return said if self.loggers.any else {key: value for key, value in said.items() if key != "loggers"}

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
    found: list[tuple[tuple[str | int, ...], str]] = []
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
    if study.search.method == "grid":
        found += [
            (("space", key), "a grid needs countable parameters: use choice or int")
            for key, parameter in study.space.items()
            if parameter.values is None
        ]
    found += _search_mistakes(study)
    full = cost(study.top)
    if study.budget.seed_epochs is not None and study.budget.seed_epochs < full:
        found.append(
            (
                ("budget", "seed_epochs"),
                f"{study.budget.seed_epochs} cannot confirm one trial: the full ladder costs {full} seed-epochs",
            )
        )
    if study.budget.gpu_hours is not None and not study.resources.gpus_per_trial:
        never = f"{study.budget.gpu_hours:g} would never be used, because resources.gpus_per_trial is 0"
        instead = "set that above 0, or give budget.wall_clock or budget.seed_epochs instead"
        found.append((("budget", "gpu_hours"), f"{never}; {instead}"))
    return found


def _search_mistakes(study: Study) -> list[tuple[tuple[str | int, ...], str]]:
    """Returns the mistakes of `search` that only the space shows."""
    found: list[tuple[tuple[str | int, ...], str]] = [
        (("search", "protect", index), f"'{name}' is not under `space`{did_you_mean(name, list(study.space))}")
        for index, name in enumerate(study.search.protect or ())
        if name not in study.space
    ]
    for index, setting in enumerate(study.search.enqueue):
        for name, value in setting.items():
            here = ("search", "enqueue", index, name)
            if name not in study.space:
                found.append((here, f"is not under `space`{did_you_mean(name, list(study.space))}"))
            elif not study.space[name].holds(value):
                found.append((here, f"{value!r} is outside of what is searched"))
    return found


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


def read_study(path: Path, overrides: Sequence[str] = ()) -> Study:
    """Reads and checks a study file.

    A file may hold variants under `scales`, each a mapping of dotted paths to values; `scale=small` among the
    overrides (or the key `scale` in the file) applies one before the other overrides.

    Args:
        path: The YAML file.
        overrides: `path=value` as given to `--set`, applied in order.

    Raises:
        UserMistake: If the file cannot be read.
        FileMistakes: With every mistake found.
    """
    file = document.read(path)
    _choose_scale(file, overrides)
    for override in overrides:
        if not override.startswith("scale="):
            document.assign_text(file, override)
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


def _choose_scale(file: Document, overrides: Sequence[str]) -> None:
    scales = file.value.pop("scales", None)
    chosen = file.value.pop("scale", None)
    asked = [override.partition("=")[2] for override in overrides if override.startswith("scale=")]
    name = asked[-1] if asked else chosen
    if scales is not None and not (
        isinstance(scales, dict) and all(isinstance(changes, dict) for changes in scales.values())
    ):
        file.mistakes.append(
            file.mistake(("scales",), "must map each scale's name to a mapping of dotted paths to values")
        )
        return
    if name is None:
        return
    if name not in (scales or {}):
        message = f"no scale '{name}' in this file{did_you_mean(str(name), list(scales or {})) if scales else ''}"
        file.mistakes.append(Mistake("scale", message))
        return
    for path, value in (scales or {})[name].items():
        document.assign(file, path, value)
