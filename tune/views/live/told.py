"""Decisions in the words of the terminal."""

from tune.ledger.records import Decision
from tune.views import wording


def said(decision: Decision) -> str:
    """Returns a decision about a trial in one line."""
    if decision.kind == "start":
        setting = wording.setting(decision.detail["parameters"])
        return f"trial {decision.trial} started: {setting} ({decision.reason})"
    verb = "died: " if is_death(decision) else "failed: " if decision.kind == "fail" else ""
    return f"trial {decision.trial} {verb}{decision.reason}"


def is_death(decision: Decision) -> bool:
    """Says whether a decision tells of a unit of work that died."""
    return decision.kind == "attempt" and bool(decision.detail.get("died", True))
