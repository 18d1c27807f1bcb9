"""Where Ray is patched, each for a reason and in one place, so that a new Ray is checked in one file.

Checked with Ray 2.60; `tests/unit/tune/drivers/ray/test_patches.py` fails where what is patched is no more there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.air._internal import usage
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.tune.execution import class_cache
from ray.tune.registry import _global_registry


@contextmanager
def patched() -> Iterator[None]:
    """Has Ray Tune be patched while a study runs, and no longer."""
    with _every_death_is_an_actors(), _in_processes_that_wait(), _looked_up_once(), _uncounted():
        yield


@contextmanager
def _every_death_is_an_actors() -> Iterator[None]:
    """Has Ray Tune treat every end of an actor as one.

    It knows two exceptions, and raises out of the whole run at any other (Ray 2.60, `RayActorManager`): one actor that
    Ray's memory monitor killed, or that went with its node, would end the study.
    """
    theirs = RayActorManager._actor_task_failed  # noqa: SLF001 - Tune offers no other place

    def failed(manager: RayActorManager, tracked_actor_task: Any, exception: Exception) -> None:
        if not isinstance(exception, ray.exceptions.RayActorError | ray.exceptions.RayTaskError):
            said = f"{type(exception).__name__}: {exception}"
            exception = ray.exceptions.RayActorError(actor_id=None, error_msg=said)
        theirs(manager, tracked_actor_task, exception)

    RayActorManager._actor_task_failed = failed  # noqa: SLF001
    try:
        yield
    finally:
        RayActorManager._actor_task_failed = theirs  # noqa: SLF001


@contextmanager
def _in_processes_that_wait() -> Iterator[None]:
    """Has actors begin in the processes that Ray starts with itself, a second or two earlier.

    Tune asks for an environment variable of its own for them (Ray 2.60, `DEFAULT_ENV_VARS`), and for another
    environment Ray starts other processes. `UnitTrainable` sets it itself.
    """
    theirs = class_cache.DEFAULT_ENV_VARS
    class_cache.DEFAULT_ENV_VARS = {}
    try:
        yield
    finally:
        class_cache.DEFAULT_ENV_VARS = theirs


@contextmanager
def _looked_up_once() -> Iterator[None]:
    """Has Tune keep what it trains: it asks Ray's head for it five times per trial (Ray 2.60, `_Registry`)."""
    registry, found = _global_registry, {}
    look_up, knows = registry.get, registry.contains

    def get(category: str, name: str) -> Any:
        if (category, name) not in found:
            found[category, name] = look_up(category, name)
        return found[category, name]

    def contains(category: str, name: str) -> bool:
        return (category, name) in found or knows(category, name)

    registry.get, registry.contains = get, contains
    try:
        yield
    finally:
        del registry.get, registry.contains


@contextmanager
def _uncounted() -> Iterator[None]:
    """Has Tune not count which callbacks it is given, nobody being told.

    It would import every tracker that is installed to see whether one is of it (Ray 2.60, `tag_callbacks`): with MLflow
    and W&B more than a second before the first trial.
    """
    theirs = usage.tag_callbacks
    usage.tag_callbacks = lambda _: False
    try:
        yield
    finally:
        usage.tag_callbacks = theirs
