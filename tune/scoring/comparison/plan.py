"""The runs that would separate what is confounded, as a plan file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tune.ledger.imports.run import is_epochs
from tune.ledger.printable import printable_line
from tune.scoring.comparison.comparison import Comparison
from tune.scoring.comparison.sides import Side
from tune.study.document import dump

_TAKEN_OVER = ("function", "program", "trainer", "recording", "score", "resources")
_SEEDS = (1, 2, 3)


@dataclass(frozen=True)
class PlanFile:
    """A plan file to be.

    Attributes:
        content: Its keys; empty where no further run is needed.
        remarks: What is to be filled in or known, a sentence each.
    """

    content: Mapping[str, Any]
    remarks: tuple[str, ...]

    def text(self) -> str:
        """Returns it as YAML, the remarks before it as comments."""
        head = "".join(f"# {remark}\n" for remark in self.remarks)
        return head + dump(dict(self.content))


def plan_of(comparison: Comparison) -> PlanFile | None:
    """Returns the plan whose arms, with the runs compared, separate all that is confounded; None where nothing is.

    Its base is the first side; an arm says the one value in which it differs. What trains is taken from the study that
    the first side is of.
    """
    if not comparison.further:
        return None
    side = comparison.columns[0].side
    study, surroundings = side.runs[0].study, side.runs[0].surroundings
    lasting = {name for name in side.configuration if name == "epochs" or (is_epochs(name) and not study)}
    base = {name: value for name, value in side.configuration.items() if name not in lasting}
    arms: dict[str, dict[str, Any]] = {}
    remarks = [f"Base: {_plain(side.name)}. With the runs compared, these arms tell apart what changed together."]
    for run in comparison.further:
        setting = {"epochs" if run.factor in lasting or run.factor == "epochs" else run.factor: run.value}
        if run.factor in surroundings or run.factor == "what trains":
            remarks.append(
                f"Not an arm, for no parameter sets it: the base with {_plain(run.factor)} {_plain(run.value)}"
            )
            continue
        arms[_arm(run.factor, run.value, arms)] = setting
    seeds = sorted({run.seed for column in comparison.columns for run in column.side.runs if run.seed is not None})
    content: dict[str, Any] = {"name": _name(str(study.get("name") or "compared"))}
    content |= {key: study[key] for key in _TAKEN_OVER if key in study}
    if not study:
        remarks.append("Fill in what trains (trainer, function or program) and on what (recording).")
    if not seeds:
        remarks.append("No seeds are told: these are any.")
    content |= {"base": base, "plan": {"separate": {"arms": arms}}, "seeds": seeds or list(_SEEDS)}
    epochs = _epochs(side)
    if epochs is None:
        remarks.append("Fill in for how many epochs: none are told.")
    else:
        content["epochs"] = epochs
    return PlanFile(content, tuple(remarks))


def _epochs(side: Side) -> int | None:
    told = next((value for name, value in side.factors.items() if is_epochs(name)), None)
    return int(told) if isinstance(told, int | float) else (side.epochs or (None, None))[1]


def _name(study: str) -> str:
    """Returns a name of the kind that a study may have."""
    return f"{re.sub(r'[^a-z0-9]+', '-', study.lower()).strip('-')[:50] or 'compared'}-separate"


def _arm(factor: str, value: Any, taken: Mapping[str, object]) -> str:
    """Returns a name for an arm: what is set, as far as a name may hold it."""
    shown = f"{value:.4g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else value
    said = re.sub(r"[^A-Za-z0-9_.+]+", "-", f"{factor}-{shown}").strip("-_.+")[:60] or "arm"
    count = sum(name == said or name.startswith(f"{said}-") for name in taken)
    return said if not count else f"{said}-{count + 1}"


def _plain(given: object) -> str:
    """Returns text for a comment: on one line, whatever it is."""
    return printable_line(" ".join(str(given).split()))
