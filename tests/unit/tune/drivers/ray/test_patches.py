"""Where Ray is patched: what is patched is there, is changed inside, and is as it was afterwards."""

from typing import Any

import pytest
import ray

from tune.drivers.ray import patches


def parts() -> dict[str, Any]:
    """What the patches change, as Ray has it now."""
    return {
        "the end of an actor": patches.RayActorManager._actor_task_failed,
        "the environment of actors": patches.class_cache.DEFAULT_ENV_VARS,
        "what is looked up": patches._global_registry.get,
        "what is known": patches._global_registry.contains,
        "what is counted": patches.usage.tag_callbacks,
    }


def fail(seen: list[dict[str, Any]]) -> None:
    """A study that fails while Ray is patched."""
    with patches.patched():
        seen.append(parts())
        raise RuntimeError("the study failed")


def test_ray_is_as_it_was_afterwards() -> None:
    """Each patch changes what it is for, and nothing of it is left, also where the study fails."""
    before, seen = parts(), list[dict[str, Any]]()
    with pytest.raises(RuntimeError, match="the study failed"):
        fail(seen)
    assert [name for name, part in seen[0].items() if part == before[name]] == []
    assert parts() == before


def test_any_end_of_an_actor_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Ray says of an actor that was killed for memory reaches Tune as the end of that actor."""
    seen: list[Exception] = []
    monkeypatch.setattr(patches.RayActorManager, "_actor_task_failed", lambda _, __, exception: seen.append(exception))
    with patches.patched():
        for error in (ray.exceptions.OutOfMemoryError("killed"), ray.exceptions.RayActorError()):
            patches.RayActorManager._actor_task_failed(None, None, error)
    assert [type(error).__name__ for error in seen] == ["RayActorError", "RayActorError"]
    assert "OutOfMemoryError: killed" in str(seen[0])


def test_tune_asks_once_for_what_it_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's head is asked for a name the first time only."""
    asked: list[str] = []

    def get(_: object, category: str, name: str) -> int:
        asked.append(f"{category}/{name}")
        return 7

    monkeypatch.setattr(type(patches._global_registry), "get", get)
    with patches.patched():
        assert [patches._global_registry.get("trainable", "unit") for _ in range(3)] == [7, 7, 7]
        assert patches._global_registry.contains("trainable", "unit")
    assert asked == ["trainable/unit"]
