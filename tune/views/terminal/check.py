"""What a check found, on the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from tune.scoring.check.checked import Checked
from tune.views import wording

_MARKS = {"go": ("go", "green"), "warning": ("warn", "yellow"), "no-go": ("no-go", "bold red"), "unknown": ("–", "dim")}
_INDENT = 8
_NEEDED = ("wall_clock_s", "trials", "confirmed")
_WORDS = {"a third": "a third of the study", "three times": "three times the study"}


def print_check(found: Checked, console: Console) -> None:
    """Prints a line per item: its verdict, what was measured, and where that is not well, what was asked and to do."""
    trials = wording.count(found.slots, "trial")
    trainings = wording.count(found.trainings, "short training")
    console.print(
        f"{found.study}: {trainings} in {wording.duration(found.seconds)} (driver {found.driver}, {trials} at once)",
        highlight=False,
        soft_wrap=True,
    )
    widest = max((len(item.name) for item in found.items), default=0)
    for item in found.items:
        mark, style = _MARKS[item.verdict]
        line = Text.assemble((f"{mark:<{_INDENT}}", style), f"{item.name:<{widest}}  {item.measured}")
        console.print(line, highlight=False, soft_wrap=True)
        if item.verdict in ("warning", "no-go"):
            for word, said in (("asked", item.asked), ("do", item.advice)):
                if said:
                    more = Text(f"{'':{_INDENT + widest + 2}}{word}: {said}", style="dim")
                    console.print(more, highlight=False, soft_wrap=True)
    for said in expected(found):
        console.print(Text(said), highlight=False, soft_wrap=True)
    console.print(Text(f"Verdict: {found.said}."), highlight=False, soft_wrap=True)


def expected(found: Checked) -> list[str]:
    """Returns what the study is expected to take, in lines; none where that is not known."""
    estimate = found.estimate
    if estimate is None or any(estimate.get(name) is None for name in _NEEDED):
        return []
    lines = [f"Expected: {_taken(estimate)}."]
    options = estimate.get("options", {})
    shown = {share: other for share, other in options.items() if all(other.get(name) is not None for name in _NEEDED)}
    return lines + [f"  {_WORDS.get(share, share)}: {_taken(other)}." for share, other in shown.items()]


def _taken(estimate: Mapping[str, Any]) -> str:
    """Returns in words what a study will take and bring, each with its 80 % interval."""
    low, middle, high = (wording.duration(each) for each in estimate["wall_clock_s"])
    said = [f"{middle} (80 % interval {low} to {high})"]
    for key, noun in (("gpu_hours", "GPU-hours"), ("energy_kwh", "kWh"), ("money", "of money")):
        if (each := estimate.get(key)) is not None and each[2] > 0:
            said.append(f"{each[1]:.3g} {noun} ({each[0]:.3g} to {each[2]:.3g})")
    trials, confirmed = estimate["trials"][1], estimate["confirmed"][1]
    return f"{', '.join(said)}; {wording.count(round(trials), 'trial')}, {confirmed:.0f} of them confirmed"
