"""The section `program` of a study: a command line that trains, and where it tells its metrics."""

import re
import shlex
from collections.abc import Collection, Iterator
from pathlib import PurePath
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from tune.errors import did_you_mean
from tune.study.program.placeholders import OF_RUNS, SPREAD, condition_of, has_condition, named_in
from tune.study.sections import StudySection
from tune.study.values import Value

SOURCES = ("lines", "jsonl", "csv", "tensorboard", "file")
CONFIG_SUFFIXES = (".json", ".yaml", ".yml", ".toml")
FINAL_SUFFIXES = (".json", ".yaml", ".yml")

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CODE_SUFFIXES = (*CONFIG_SUFFIXES, ".py", ".sh", ".ipynb", ".jl", ".r", ".pl", ".lua", ".m", ".ini", ".cfg", ".conf")
Path = tuple[str | int, ...]


def _split(given: Any) -> Any:
    """Splits a text as a shell would; a list is taken as it stands."""
    if not isinstance(given, str):
        return given
    try:
        return shlex.split(given)
    except ValueError as error:
        raise ValueError(f"cannot be split into words ({error}), got {given!r}; quote it as for a shell") from None


def _texts(given: Any) -> Any:
    """Has numbers and truth values count as the texts that they are in YAML."""
    if isinstance(given, list):
        return [str(one) if isinstance(one, int | float) and not isinstance(one, bool) else one for one in given]
    return [given] if isinstance(given, str) else given


def _pattern(given: str) -> str:
    try:
        names = re.compile(given).groupindex
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}, got {given!r}") from None
    if not set(names) - {"epoch"}:
        raise ValueError(f"names no metric; write (?P<validation_loss>\\S+) for the value of one, got {given!r}")
    return given


def _suffixed(given: str, allowed: tuple[str, ...]) -> str:
    if PurePath(given).suffix.lower() not in allowed:
        raise ValueError(f"must end in {', '.join(allowed)}, by which its format is known, got {given!r}")
    return given


def _is_code(word: str) -> bool:
    return PurePath(word).suffix.lower() in _CODE_SUFFIXES


Words = Annotated[list[str], BeforeValidator(_texts), BeforeValidator(_split)]


class ProgramConfig(StudySection):
    """The file that tells a program everything; each run gets a copy, named by `{config}`."""

    file: Annotated[str, AfterValidator(lambda given: _suffixed(given, CONFIG_SUFFIXES))] = Field(
        description="what is copied: JSON, YAML or TOML, by its suffix"
    )
    set: dict[str, Value] = Field(
        default_factory=dict,
        description="by dotted path, what a copy holds beside the parameters; texts may have placeholders",
    )


class ProgramMetrics(StudySection):
    """Where a program tells its metrics, exactly one of five; a relative path is looked for in `{run}` as well."""

    lines: (
        Annotated[list[Annotated[str, AfterValidator(_pattern)]], BeforeValidator(_texts), Field(min_length=1)] | None
    ) = Field(
        default=None,
        description="lines of its output: a regular expression, or several for one epoch, whose named groups are "
        "the metrics; a group `epoch` numbers them",
    )
    jsonl: str | None = Field(default=None, description="a file with one JSON object per line")
    csv: str | None = Field(default=None, description="a CSV file with a header; rows of one epoch are merged")
    tensorboard: str | None = Field(default=None, description="a folder in which it writes TensorBoard's event files")
    file: Annotated[str, AfterValidator(lambda given: _suffixed(given, FINAL_SUFFIXES))] | None = Field(
        default=None, description="a JSON or YAML file of final values, or of the history of all epochs"
    )
    history: str | None = Field(
        default=None,
        description="in `file`: the dotted path of the history, `path[*]` for a list with a mapping per epoch, `path` "
        "for a mapping of lists",
    )
    names: dict[str, str] = Field(
        default_factory=dict,
        description="by metric, what it is called there, dotted where it is nested; left out: all numbers are taken. "
        "`epoch` names what numbers the epochs",
    )
    first_epoch: Annotated[int, Field(strict=True, ge=0)] | None = Field(
        default=None, description="the number that it gives its first epoch; null: that of what it tells first, 0 or 1"
    )

    @model_validator(mode="after")
    def _one_source(self) -> "ProgramMetrics":
        given = [name for name in SOURCES if getattr(self, name) is not None]
        if len(given) != 1:
            got = " and ".join(given) or "none"
            raise ValueError(f"exactly one of {', '.join(SOURCES)} says where metrics are told, got {got}")
        if self.history is not None and self.file is None:
            raise ValueError(f"history is a path in `file`, which is not given; got {self.history!r}")
        return self

    @property
    def place(self) -> str | None:
        """The path or pattern of the file or folder; None where it is the output."""
        return next((given for name in SOURCES[1:] if (given := getattr(self, name)) is not None), None)


class Program(StudySection):
    """A command line that trains one seed, as it stands; a text or list alone is its `command`."""

    model_config = ConfigDict(json_schema_extra={"type": ["object", "string", "array"]})

    command: Annotated[Words, Field(min_length=1)] = Field(
        description="split as a shell would, never given to one; placeholders are filled in (docs/programs.md)"
    )
    config: ProgramConfig | None = None
    metrics: ProgramMetrics | None = Field(default=None, description="null: it calls latent_tune.report()")
    resume: Words = Field(
        default_factory=list, description="added to the command once there is a checkpoint in `{checkpoint}`"
    )
    environment: dict[str, str] = Field(
        default_factory=dict, description="variables beside those of this process; placeholders are filled in"
    )

    @model_validator(mode="before")
    @classmethod
    def _command_alone(cls, given: Any) -> Any:
        return {"command": given} if isinstance(given, str | list) else given

    @field_validator("environment", mode="before")
    @classmethod
    def _variables(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        for name in given:
            if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a variable; letters, digits and '_' are allowed")
        plain = {name: str(one) for name, one in given.items() if type(one) in (int, float)}
        return {**given, **plain}

    @property
    def in_words(self) -> str:
        """The command in one line."""
        return shlex.join(self.command)

    @property
    def named_files(self) -> list[str]:
        """What may be files that decide what is trained: program, code and settings, not what a run writes."""
        settings = [self.config.file] if self.config is not None else []
        first, *others = self.command
        code = [word for at, word in enumerate(others) if others[:at][-1:] == ["-m"] or _is_code(word)]
        written = self.metrics.place if self.metrics is not None else None
        return [word for word in (first, *code, *settings) if word != written]

    @property
    def resumes(self) -> bool:
        """Whether it can go on where it was; else it trains again from its first epoch when it is to train longer."""
        return self._names("checkpoint")

    @property
    def obeys_epochs(self) -> bool:
        """Whether it is told how many epochs to train; else it is ended once it has told them."""
        return self._names("epochs")

    @property
    def together(self) -> bool:
        """Whether one process trains all seeds."""
        return self._names("seeds")

    def _names(self, name: str) -> bool:
        return any(name in named_in(text) for _, text in self.texts())

    def texts(self) -> Iterator[tuple[Path, str]]:
        """Yields every text that may have placeholders, with its path."""
        yield from ((("command", at), text) for at, text in enumerate(self.command))
        yield from ((("resume", at), text) for at, text in enumerate(self.resume))
        yield from ((("environment", key), text) for key, text in self.environment.items())
        if self.config is not None:
            yield from ((("config", "set", key), one) for key, one in self.config.set.items() if isinstance(one, str))
        if self.metrics is not None and self.metrics.place is not None:
            source = next(name for name in SOURCES if getattr(self.metrics, name) is not None)
            yield ("metrics", source), self.metrics.place


def program_mistakes(program: Program, names: Collection[str]) -> list[tuple[Path, str]]:
    """Returns path and message of what is wrong with a program in its study.

    Args:
        program: The section.
        names: The parameters of a configuration, fixed ones included.
    """
    found = [mistake for path, text in program.texts() for mistake in _text_mistakes(path, text, names)]
    told = {name for _, text in program.texts() for name in named_in(text)}
    given = "{config}" if program.config is not None else None
    if given and "config" not in told:
        found.append((("config",), "is never given to the program; write {config} where the command names the file"))
    if not given and "config" in told:
        found.append((("command",), "{config} is the copy of a file; name that file under program.config.file"))
    if program.together and program.resumes:
        said = (
            "{checkpoint} is of one seed, and {seeds} trains all in one process; use {seed}, or leave {checkpoint} out"
        )
        found.append((("command",), said))
    found += [
        (("command",), f"parameter '{name}' has the name of a placeholder; rename it")
        for name in names
        if name in (*OF_RUNS, *SPREAD)
    ]
    if program.config is not None:
        found += [
            (("config",), f"'{name}' is set as a whole, and '{part}' in it by itself; keep one of the two")
            for name in names
            for part in (*names, *program.config.set)
            if part.startswith(f"{name}.")
        ]
    if program.config is None and not told & set(SPREAD):
        found += [
            (("command",), f"parameter '{name}' never reaches the program; write {{{name}}}, or {{args}} for all")
            for name in names
            if name not in told and name not in OF_RUNS
        ]
    return found


def _text_mistakes(path: Path, text: str, names: Collection[str]) -> Iterator[tuple[Path, str]]:
    """Yields what is wrong with the placeholders of one text."""
    allowed = [*names, *OF_RUNS, *SPREAD]
    arguments = path[0] in ("command", "resume")
    for name in named_in(text):
        if name == "{":
            yield path, f"has a brace that is not closed, got {text!r}; write {{{{ for a brace"
        elif name not in allowed:
            yield path, f"{{{name}}} names nothing, got {text!r}{did_you_mean(name, allowed)}; write {{{{ for a brace"
        elif name in SPREAD and (not arguments or text != f"{{{name}}}"):
            yield path, f"{{{name}}} stands for several arguments and must be a word of its own, got {text!r}"
        elif name == "config" and path[0] in ("config", "metrics"):
            yield path, f"{{config}} can stand in the command, resume and environment only, got {text!r}"
    if has_condition(text) and (not arguments or condition_of(text) is None):
        yield path, f"{{name?argument}} must be a word of its own in the command, got {text!r}"
