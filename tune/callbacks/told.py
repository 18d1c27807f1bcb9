"""Decisions, parameters and times in the words of the terminal."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tune.ledger import Decision


def said(decision: Decision) -> str:
    """Returns a decision about a trial in one line."""
    if decision.kind == "start":
        return f"trial {decision.trial} started: {setting(decision.detail['parameters'])} ({decision.reason})"
    verb = "died: " if is_death(decision) else "failed: " if decision.kind == "fail" else ""
    return f"trial {decision.trial} {verb}{decision.reason}"


def is_death(decision: Decision) -> bool:
    """Says whether a decision tells of a unit of work that died."""
    return decision.kind == "attempt" and bool(decision.detail.get("died", True))


def setting(parameters: Mapping[str, Any]) -> str:
    """Returns parameters in one line: `learning_rate 0.001, batch_size 64`."""
    return ", ".join(f"{name} {value_text(value)}" for name, value in parameters.items())


def clock_time(seconds: float) -> str:
    """Returns a length of time as hours, minutes and seconds: `1:02:03`."""
    return str(timedelta(seconds=round(seconds)))


def time_of_day(moment: float) -> str:
    """Returns a moment, in seconds since the epoch, as this machine's time of day."""
    return datetime.fromtimestamp(moment, tz=UTC).astimezone().strftime("%H:%M:%S")


def value_text(value: Any) -> str:
    """Returns a parameter's value, floats with three digits."""
    if isinstance(value, float):
        return f"{value:.3g}"
    return str(value).lower() if isinstance(value, bool) else str(value)
