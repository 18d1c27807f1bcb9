"""The trackers that a study tells of its runs: MLflow, Weights & Biases, and loggers of the user's own."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from tune.errors import did_you_mean
from tune.study.places import holds_secret, is_secret_name
from tune.study.sections import StudySection

_CLASS = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_KNOWN = ("mlflow", "wandb")
_WAYS = "[mlflow, wandb, 'mymodule:MyLogger'], or a mapping of such names to their options"


def _without_secret(uri: str) -> str:
    if holds_secret(uri, users=uri.startswith(("http:", "https:"))):
        raise ValueError(
            "holds a user, key or password, which study.yaml would keep for everybody to read; take it out and give it "
            "by the environment (MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN), "
            "see docs/trackers.md"
        )
    return uri


class MLflowOptions(StudySection):
    """How MLflow is reached."""

    tracking_uri: Annotated[str, Field(min_length=1), AfterValidator(_without_secret)] | None = Field(
        default=None,
        description="of its server (http://host:5000) or database (sqlite:////path/to/mlflow.db); "
        "null: MLFLOW_TRACKING_URI, else MLflow's own default",
    )
    experiment: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="its name there; null: the study's"
    )


class WandbOptions(StudySection):
    """How Weights & Biases is reached."""

    project: Annotated[str, Field(pattern=r"^[^/\\#?%:\s]{1,128}$")] | None = Field(
        default=None, description="its name there; null: the study's"
    )
    entity: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="user or team; null: that of the API key"
    )
    mode: Literal["online", "offline"] | None = Field(
        default=None, description="offline: files in the study folder, for `wandb sync`; null: WANDB_MODE, else online"
    )


class Loggers(StudySection):
    """Trackers that are told of every run: a list of names, or a mapping of names to options (docs/trackers.md)."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "type": ["object", "array", "string"],
            "items": {"type": ["string", "object"]},
            "additionalProperties": {"type": ["object", "null"]},
        },
    )
    __pydantic_extra__: dict[str, dict[str, Any]]

    mlflow: MLflowOptions | None = Field(default=None, description="MLflow: `tracking_uri`, `experiment`")
    wandb: WandbOptions | None = Field(default=None, description="Weights & Biases: `project`, `entity`, `mode`")

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, given: Any) -> Any:
        """Makes a mapping of names to options of whatever way they are listed.

        Raises:
            ValueError: If a name is no logger's or stands twice, or an option looks like a secret.
        """
        found: dict[str, Any] = {}
        for entry in given if isinstance(given, list) else [given]:
            options = {entry: {}} if isinstance(entry, str) else entry
            if not isinstance(options, Mapping):
                raise ValueError(f"must be {_WAYS}, got {type(entry).__name__} {entry!r:.60}")  # noqa: TRY004
            for name, one in options.items():
                _refuse_name(name, found)
                found[name] = {} if one is None else one
        for name in found.keys() - set(_KNOWN):
            _refuse_options(name, found[name])
        return found

    @model_serializer(mode="wrap")
    def _named(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leaves out those that are not named."""
        return {name: options for name, options in dump(self).items() if options is not None}

    @property
    def classes(self) -> Mapping[str, Mapping[str, Any]]:
        """The user's own, as module:Class, each with the keywords that it is made with."""
        return self.__pydantic_extra__ or {}

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return self.mlflow is not None or self.wandb is not None or bool(self.classes)


def _refuse_name(name: Any, found: Mapping[str, Any]) -> None:
    if not isinstance(name, str) or (name not in _KNOWN and not _CLASS.fullmatch(name)):
        meant = did_you_mean(str(name), _KNOWN)
        raise ValueError(f"{name!r} is no logger{meant}, or a class of your own as 'module:Class'")
    if name in found:
        raise ValueError(f"{name} stands twice; keep one")


def _refuse_options(name: str, options: Any) -> None:
    if not isinstance(options, Mapping) or not all(isinstance(key, str) and key.isidentifier() for key in options):
        raise ValueError(
            f"{name}: must be a mapping of the keywords that the class takes to values, got {type(options).__name__}"
        )
    for key, value in options.items():
        if is_secret_name(key) or (isinstance(value, str) and holds_secret(value)):
            raise ValueError(
                f"{name}.{key}: holds a key or password, which study.yaml would keep for everybody to read; have the "
                "class read it from the environment"
            )
