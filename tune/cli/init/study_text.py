"""The text of a drafted study: YAML as a person would write it, with comments that say what was left out and why."""

from collections.abc import Sequence
from typing import Any

import yaml
from pydantic import TypeAdapter

from tune.cli.init.draft import Candidate, Draft, Program
from tune.cli.init.options import UNKNOWN
from tune.ledger.printable import printable_line
from tune.study.direction import looks_maximized
from tune.study.scalars import Dumper
from tune.study.space import Parameter

_WIDTH = 100
_SEEDS = [1, 2, 3, 4, 5]
_OTHER_WAYS = {
    "lines": r"{lines: 'epoch (?P<epoch>\d+).*loss (?P<validation_loss>\S+)'}  (a pattern for lines of its output)",
    "jsonl": "{jsonl: metrics.jsonl}  (a JSON object per epoch)",
    "csv": "{csv: metrics.csv}",
    "tensorboard": "{tensorboard: runs}",
    "report": "left out: the program calls latent_tune.report(epoch=epoch, validation_loss=loss)",
}


def study_text(draft: Draft, program: Program, name: str) -> str:
    """Returns the study file of a draft.

    Args:
        draft: What it says.
        program: The program that it is of.
        name: Of the study.
    """
    lines = [
        f"# {program.name} as a study. Ranges are guesses around its defaults: a factor of 10 for rates and other",
        "# positive numbers, powers of two for sizes, within [0, 1) for fractions. What should not be searched, take",
        "# out of `space` and of the command. Every key: docs/study.md",
        f"name: {flow(name)}",
        *_program(draft, program),
        *_space(draft.candidates),
        *(f"# not searched: {other}" for other in draft.others),
        *_search(draft.candidates),
        f"seeds: {flow(_SEEDS)}",
        f"epochs: {draft.epochs}" + " " * 4 + "# of a full training",
        *_score(program),
    ]
    return "\n".join(printable_line(line) for line in lines) + "\n"


def flow(value: object) -> str:
    """Returns a value as YAML on one line."""
    text = yaml.dump(value, Dumper=Dumper, default_flow_style=True, sort_keys=False, width=10**6, allow_unicode=True)
    return text.strip().removesuffix("...").strip()


def _program(draft: Draft, program: Program) -> list[str]:
    metrics = program.metrics
    lines = ["program:", "  command: >-", *(f"    {line}" for line in _filled(draft.command))]
    if draft.config:
        lines.append(f"  config: {flow(draft.config)}")
    if draft.resume:
        lines.append(f"  resume: {flow(draft.resume)}    # added once there is a checkpoint")
    if metrics.value is not None:
        hint = "" if metrics.seen else "    # TO COMPLETE: nothing like it was seen in the source"
        lines.append(f"  metrics: {flow(dict(metrics.value))}{hint}")
    elif not metrics.seen:
        lines.append(f"  # TO COMPLETE: metrics are {_OTHER_WAYS['report']}; or one of")
    else:
        lines.append("  # metrics are what the program tells by latent_tune.report; they could also be")
    if not metrics.seen or metrics.way == "report":
        lines += [f"  # metrics: {text}" for way, text in _OTHER_WAYS.items() if way not in ("report", metrics.way)]
    return lines


def _filled(words: Sequence[str]) -> list[str]:
    """Returns groups of words on as few lines as they fit; no group is broken."""
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(word) < _WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _space(candidates: Sequence[Candidate]) -> list[str]:
    searched = [one for one in candidates if not one.instead]
    lines = ["space:" if searched else "space: {}    # TO COMPLETE: no option has a number that could be searched"]
    for one in candidates:
        said = [] if one.default is UNKNOWN or one.default is None else [f"default {flow(one.default)}"]
        said += [one.instead] if one.instead else []
        comment = f"    # {'; '.join(said)}" if said else ""
        mark = "# " if one.instead else ""
        lines.append(f"  {mark}{flow(one.name)}: {flow(dict(one.range))}{comment}")
    return lines


def _search(candidates: Sequence[Candidate]) -> list[str]:
    """Returns the section that has the program's own defaults tried first, as far as they are within the ranges."""
    held = TypeAdapter[Any](Parameter)
    known = {
        one.name: one.default
        for one in candidates
        if not one.instead and held.validate_python(dict(one.range)).holds(one.default)
    }
    if not known:
        return ["search: {trials: 24}"]
    return ["search:", "  trials: 24", f"  enqueue: [{flow(known)}]    # the program's defaults are tried first"]


def _score(program: Program) -> list[str]:
    metric = program.metrics.metric
    rule = {"metric": metric, **({"direction": "maximize"} if looks_maximized(metric) else {})}
    hint = "" if program.metrics.named else "    # TO COMPLETE: the name of the metric that is scored"
    return [f"score: {flow(rule)}{hint}"]
