"""Which source a program's metrics are read from."""

from dataclasses import dataclass
from pathlib import Path

from tune.adapters.program.metrics.event_files import EventFiles
from tune.adapters.program.metrics.final_file import FinalFile, History
from tune.adapters.program.metrics.output_lines import OutputLines
from tune.adapters.program.metrics.row import Naming, Source
from tune.adapters.program.metrics.text_files import Csv, JsonLines
from tune.adapters.program.metrics.written import Written
from tune.study.program.placeholders import named_in
from tune.study.program.section import Program


@dataclass(frozen=True)
class Place:
    """Where one run's program tells its metrics.

    Attributes:
        report: The file to which `latent_tune.report` writes.
        pattern: The path or pattern of the study, placeholders filled in; None where there is none.
        last: The epoch that the program is to reach.
    """

    report: Path
    pattern: str | None
    last: int


def source_of(program: Program, naming: Naming, place: Place) -> Source:
    """Returns where to read what a run tells, before its program begins: what is there already is never read."""
    metrics, pattern = program.metrics, place.pattern
    if metrics is None:
        return JsonLines(Written(_literal(str(place.report))), naming, whole=True)
    if metrics.lines is not None:
        return OutputLines(metrics.lines, naming)
    assert pattern is not None
    if metrics.jsonl is not None:
        return JsonLines(Written(pattern), naming, whole=False)
    if metrics.csv is not None:
        return Csv(Written(pattern), naming)
    if metrics.tensorboard is not None:
        return EventFiles(Written(pattern, below=True), naming)
    if metrics.history is not None:
        return History(Written(pattern), naming, metrics.history)
    return FinalFile(Written(pattern), naming, place.last)


def pattern_of(program: Program, run: Path) -> str | None:
    """Returns the path or pattern of the metrics as the study gives it, `{run}` in front where it belongs there.

    That is where the program is told `{run}` and the path is relative; `./` in front says the working directory.
    """
    given = program.metrics.place if program.metrics is not None else None
    if given is None or not _in_run(program, given):
        return given
    return given if "run" in named_in(given) else f"{_literal(str(run))}/{given}"


def is_shared(program: Program) -> bool:
    """Says whether other runs write where this one does, so that they take turns."""
    given = program.metrics.place if program.metrics is not None else None
    if given is None or _in_run(program, given):
        return False
    return not {"seed", "trial"} <= set(named_in(given))


def _in_run(program: Program, given: str) -> bool:
    told = any("run" in named_in(text) for path, text in program.texts() if path[0] != "metrics")
    relative = not Path(given).is_absolute() and not given.startswith(("./", "{"))
    return "run" in named_in(given) or (told and relative)


def _literal(path: str) -> str:
    """Returns the pattern of one path."""
    import glob

    return glob.escape(path)
