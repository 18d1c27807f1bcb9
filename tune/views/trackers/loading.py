"""The loggers that a study names, found before anything trains."""

import hashlib
import inspect
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module as import_library
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from tune.errors import UserMistake
from tune.study.loggers import Loggers, MLflowOptions, WandbOptions
from tune.study.user_code import import_module
from tune.views.trackers import mlflow, wandb
from tune.views.trackers.logger import Logger
from tune.views.trackers.secrets import without_secrets

_METHODS = ("start", "epoch", "end", "close")


@dataclass(frozen=True)
class NamedLogger:
    """A logger that a study names.

    Attributes:
        name: `mlflow`, `wandb`, or module:Class.
        place: Where it tells to, for people; "" where nobody knows.
        options: As the study file has them.
        make: Makes it; this may connect, and raise whatever that raises.
    """

    name: str
    place: str
    options: Mapping[str, Any]
    make: Callable[[], Logger]

    @property
    def marks(self) -> str:
        """The name of the file in which is kept what it was told: another one for other options."""
        said = json.dumps(self.options, sort_keys=True, default=str)
        return f"{re.sub(r'[^A-Za-z0-9]+', '-', self.name)}-{hashlib.sha256(said.encode()).hexdigest()[:8]}.jsonl"


def load_loggers(loggers: Loggers, folder: Path) -> list[NamedLogger]:
    """Returns the loggers of a study, none of which has been made or has connected.

    Args:
        loggers: As the study file names them.
        folder: The study folder.

    Raises:
        UserMistake: If a library is not installed, or a class cannot be imported or is no logger.
    """
    found = []
    if (of_mlflow := loggers.mlflow) is not None:
        _import("mlflow", mlflow.ENVIRONMENT)
        place = without_secrets(of_mlflow.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI", "its default place"))
        found.append(_named("mlflow", place, of_mlflow, partial(mlflow.MLflowRuns, of_mlflow)))
    if (of_wandb := loggers.wandb) is not None:
        _import("wandb", wandb.ENVIRONMENT)
        wandb.refuse_unknown_user(of_wandb)
        offline = f"{folder / wandb.FOLDER}, offline"
        place = offline if wandb.is_offline(of_wandb) else without_secrets(wandb.server())
        found.append(_named("wandb", place, of_wandb, partial(wandb.WandbRuns, of_wandb, folder.resolve())))
    for name, options in loggers.classes.items():
        found.append(NamedLogger(name, "", options, partial(_load(name, options), **options)))
    return found


def _named(name: str, place: str, options: MLflowOptions | WandbOptions, make: Callable[[], Logger]) -> NamedLogger:
    return NamedLogger(name, place, options.model_dump(mode="json"), make)


def _import(library: str, environment: Mapping[str, str]) -> None:
    """Imports a tracker's library; a folder of its name, as both make them, is not one."""
    os.environ.update({name: value for name, value in environment.items() if name not in os.environ})
    spec = find_spec(library)
    if spec is None or spec.origin is None:
        raise UserMistake(
            f"loggers.{library}: it is not installed here; pip install 'latent-tune[{library}]', or leave it out of "
            "`loggers`"
        )
    try:
        import_library(library)
    except Exception as error:  # its own dependencies may be others than it expects
        cause = f"{type(error).__name__}: {error}"
        raise UserMistake(f"loggers.{library}: it cannot be imported: {cause}; install it again") from error


def _load(name: str, options: Mapping[str, Any]) -> Callable[..., Logger]:
    module, _, attribute = name.partition(":")
    where, here = f"loggers: {name}", Path.cwd()
    try:
        found = getattr(import_module(module), attribute)
    except AttributeError:
        raise UserMistake(f"{where}: module '{module}' has no '{attribute}'; write module:Class") from None
    except (Exception, SystemExit) as error:
        cause = f"{type(error).__name__}: {error}"
        raise UserMistake(f"{where}: '{module}' cannot be imported from {here}: {cause}; write module:Class") from error
    missing = [method for method in _METHODS if not callable(getattr(found, method, None))]
    if missing or not inspect.isclass(found):
        lacks = f"lacks {', '.join(missing)}" if missing else "is no class"
        raise UserMistake(f"{where} is no logger, it {lacks}; see tune.views.trackers.logger.Logger, docs/trackers.md")
    try:
        inspect.signature(found).bind(**options)
    except TypeError as error:
        given = f"{', '.join(options)}" if options else "nothing"
        raise UserMistake(f"{where}: cannot be made with the options in the study file ({given}): {error}") from None
    except ValueError:  # of a class in C nobody knows the keywords
        pass
    return cast("Callable[..., Logger]", found)
