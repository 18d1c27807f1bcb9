"""The start of one run: its folders, its copy of the file, its command, its process."""

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tune.adapters.checkpoint_folder import write_files
from tune.adapters.program.checkpoint import PROGRAM
from tune.adapters.program.command import environment, text, words
from tune.adapters.program.metrics.output_lines import OutputLines
from tune.adapters.program.metrics.row import Naming, Source
from tune.adapters.program.metrics.source import Place, pattern_of, source_of
from tune.adapters.program.output import Output
from tune.adapters.program.plan import Plan
from tune.adapters.program.process import Process
from tune.adapters.program.reporting import REPORT
from tune.adapters.program.scratch import Scratch
from tune.study.program.placeholders import filled, has_all, named_in


@dataclass(frozen=True)
class Launched:
    """A process that was started, and what belongs to it.

    Attributes:
        process: It.
        source: Where it tells its metrics.
        output: What it writes.
        saved: The folder that is its state.
        scratch: Where its folders are.
        log: Where its output is kept.
    """

    process: Process
    source: Source
    output: Output
    saved: Path
    scratch: Scratch
    log: Path | None

    def close(self) -> None:
        """Has nothing of it be left but its log."""
        self.process.kill()
        self.scratch.remove()


def launch(
    plan: Plan, seeds: Sequence[int], to: int, files: Mapping[str, bytes], naming: Naming, *, woken: threading.Event
) -> Launched:
    """Starts the process of one run.

    Args:
        plan: What to start.
        seeds: Whose.
        to: The epoch that it is to reach.
        files: Of its checkpoint; empty to begin at the first epoch.
        naming: What its metrics are called.
        woken: Set when there may be something new.
    """
    scratch = Scratch.make(plan.scratch, f"trial-{plan.trial}-seed-{seeds[0]}")
    try:
        return _launched(plan, seeds, to, files, naming, scratch=scratch, woken=woken)
    except BaseException:
        scratch.remove()
        raise


def _launched(
    plan: Plan,
    seeds: Sequence[int],
    to: int,
    files: Mapping[str, bytes],
    naming: Naming,
    *,
    scratch: Scratch,
    woken: threading.Event,
) -> Launched:
    program = plan.program
    checkpoint, run = scratch.path / "checkpoint", scratch.path / "run"
    run.mkdir()
    write_files(checkpoint, files, PROGRAM)
    values: dict[str, Any] = {
        "seed": seeds[0],
        "seeds": list(seeds),
        "epochs": to,
        "checkpoint": str(checkpoint),
        "run": str(run),
        "trial": plan.trial,
        "study": plan.study,
        "config": str(scratch.path / plan.file.path.name) if plan.file is not None else "",
    }
    texts = {name: text(value) for name, value in {**plan.config, **values}.items()}
    if plan.file is not None:
        plan.file.write(Path(values["config"]), _in_file(plan, values, texts))
    pattern = pattern_of(program, run)
    report = scratch.path / "report.jsonl"
    place = Place(report, None if pattern is None else filled(pattern, defaultdict(str, texts)), to)
    source = source_of(program, naming, place)
    command = words(program, plan.config, values, resumed=bool(files))
    log = plan.log(list(seeds))
    output = Output(log, f"$ {' '.join(command)}", source.hear if isinstance(source, OutputLines) else None)
    variables = environment(program, texts, **({REPORT: str(report)} if program.metrics is None else {}))
    process = Process(command, variables, output, woken)
    return Launched(process, source, output, run if plan.saves_in_run else checkpoint, scratch, log)


def _in_file(plan: Plan, values: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Returns by dotted path what the copy of the file holds; a text that is one placeholder is its value."""
    found = {name: plan.config[name] for name in plan.filed}
    given = plan.program.config.set if plan.program.config is not None else {}
    for path, one in given.items():
        if not isinstance(one, str):
            found[path] = one
        elif one[1:-1] in texts and named_in(one) == [one[1:-1]] and one == f"{{{one[1:-1]}}}":
            found[path] = {**plan.config, **values}[one[1:-1]]
        elif has_all(one, texts):
            found[path] = filled(one, texts)
    return found
