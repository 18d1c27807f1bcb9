"""On which machine a trial trains: a value of its configuration that drivers read and trainers never see.

`node.accelerator` is the type of GPU, as the nodes of a Ray cluster name it, or `cpu` for none.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Protocol

from tune.study.sections import Resources
from tune.study.space import Choice, Parameter

ACCELERATOR = "node.accelerator"
CPU = "cpu"
TYPE = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}"
"""Of a type of accelerator: it becomes the name of a resource that Ray is asked for."""

_ALLOWED = f"the type of a node's GPU, such as H100, or {CPU}"


class NodeStudy(Protocol):
    """What of a study says where its trials train."""

    @property
    def fixed(self) -> Mapping[str, Any]:
        """Values of all trials."""
        ...

    @property
    def space(self) -> Mapping[str, Parameter]:
        """Parameters; of a plan all that its arms have."""
        ...

    @property
    def resources(self) -> Resources:
        """What a trial asks for."""
        ...


def accelerators(study: NodeStudy) -> list[str]:
    """Returns the types on which the trials of a study train, each once; empty where it is left to the cluster."""
    searched = study.space.get(ACCELERATOR)
    given = [study.fixed[ACCELERATOR]] if ACCELERATOR in study.fixed else []
    values = [*given, *(searched.values or searched.extremes if searched is not None else ())]
    return list(dict.fromkeys(map(str, values)))


def accelerator_of(configuration: Mapping[str, Any]) -> str | None:
    """Returns on what a configuration is to be trained; None: on whatever is free."""
    value = configuration.get(ACCELERATOR)
    return None if value is None else str(value)


def for_trainer(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a configuration without what is no business of the trainer."""
    return {name: value for name, value in configuration.items() if name != ACCELERATOR}


def node_mistakes(study: NodeStudy) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yields path and message of what cannot be of the accelerators that a study names."""
    searched = study.space.get(ACCELERATOR)
    if searched is not None and not isinstance(searched, Choice):
        yield ("space", ACCELERATOR), f"is a name and no number: {{choice: [...]}} of {_ALLOWED}"
        return
    section = "fixed" if ACCELERATOR in study.fixed else "space"
    values = [study.fixed[ACCELERATOR]] if section == "fixed" else [] if searched is None else searched.values
    wrong = [value for value in values if not isinstance(value, str) or not re.fullmatch(TYPE, value)]
    if wrong:
        yield (section, ACCELERATOR), f"{wrong[0]!r} is no type of accelerator; allowed: {_ALLOWED}"
    else:
        yield from _resources(study.resources.gpus_per_trial, accelerators(study))


def _resources(gpus: Any, kinds: Collection[str]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    named = [kind for kind in kinds if kind != CPU]
    if kinds and gpus == "auto":
        yield (
            ("resources", "gpus_per_trial"),
            f"auto chooses the GPU, and {ACCELERATOR} says on which a trial trains; give a number",
        )
    elif named and not gpus:
        said = f"0, but {ACCELERATOR} has trials train on {named[0]}; give how many GPUs one has, such as 1"
        yield ("resources", "gpus_per_trial"), f"{said}; trials on {CPU} have none anyhow"
