"""How a program tells its metrics: what its source shows, or what the user says."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tune.cli.init.printed import as_name, printed_line, worth
from tune.cli.init.source import Source

WAYS = ("lines", "jsonl", "csv", "tensorboard", "report")
UNNAMED = "validation_loss"
_FILES = {"jsonl": ".jsonl", "csv": ".csv"}
_PLACEHOLDER_LINE = r"[Ee]poch\D*(?P<epoch>\d+).*[Ll]oss\D*(?P<validation_loss>\S+)"


@dataclass(frozen=True)
class Metrics:
    """Where metrics come from, and which is scored.

    Attributes:
        way: One of WAYS.
        value: Of `program.metrics`; None where the program calls `latent_tune.report`.
        metric: Which is scored.
        seen: Whether the source shows it; else it has to be completed.
        named: Whether the source shows the name of the metric.
    """

    way: str
    value: Mapping[str, str] | None
    metric: str
    seen: bool
    named: bool


def metrics_of(sources: Sequence[Source], asked: str | None, *, folder: bool) -> Metrics:
    """Returns how metrics are read.

    Args:
        sources: The program's files; empty for what is no Python.
        asked: What the user said, one of WAYS; None for a guess: a call of `latent_tune.report`, else a printed
            line, else TensorBoard's files, else others.
        folder: Whether the program can be told into which folder it writes.
    """
    for way in (asked,) if asked else ("report", "lines", "tensorboard", "jsonl", "csv"):
        found = _seen(sources, way, "{run}/" if folder else "")
        if found is not None:
            return found
    name = _best(sources)
    return Metrics(
        asked or "report", _to_complete(asked, "{run}/" if folder else ""), name or UNNAMED, False, bool(name)
    )


def _seen(sources: Sequence[Source], way: str, folder: str) -> Metrics | None:
    if way == "report":
        names = [name for source in sources for name in _reported(source)]
        best = max(names, key=worth, default="")
        return Metrics("report", None, best or UNNAMED, True, bool(best)) if any(map(_reports, sources)) else None
    if way == "lines":
        for source in sources:
            line = printed_line(source)
            if line is not None:
                return Metrics("lines", {"lines": line.pattern}, max(line.metrics, key=worth), True, True)
        return None
    file = _file(sources, way)
    if file is None:
        return None
    name = _best(sources)
    return Metrics(way, {way: (folder + file).rstrip("/") or "."}, name or UNNAMED, True, bool(name))


def _to_complete(way: str | None, folder: str) -> Mapping[str, str] | None:
    """Returns what stands in `program.metrics` until the user has completed it."""
    match way:
        case "lines":
            return {"lines": _PLACEHOLDER_LINE}
        case "jsonl" | "csv":
            return {way: f"{folder}metrics{_FILES[way]}"}
        case "tensorboard":
            return {"tensorboard": folder.rstrip("/") or "runs"}
    return None


def _file(sources: Sequence[Source], way: str) -> str | None:
    """Returns the file that a program writes metrics into, below its output folder; None where none is seen."""
    for source in sources:
        names = {source.dotted(call.func).rpartition(".")[2] for call in source.calls()}
        if way == "tensorboard" and names & {"SummaryWriter", "TensorBoardLogger", "TensorBoard"}:
            return ""
        if way == "csv" and "CSVLogger" in names:
            return "**/metrics.csv"
        ending = _FILES.get(way)
        texts = [text for text in _texts(source.tree) if ending and re.fullmatch(rf"[\w.-]+\{ending}", text)]
        if texts and (way == "jsonl" or names & {"writer", "DictWriter", "to_csv", "writerow"}):
            return texts[0]
    return None


def _reports(source: Source) -> bool:
    return any(source.dotted(call.func) == "latent_tune.report" for call in source.calls())


def _reported(source: Source) -> Iterator[str]:
    for call in source.calls():
        if source.dotted(call.func) == "latent_tune.report":
            yield from (each.arg for each in call.keywords if each.arg and each.arg != "epoch")


def _best(sources: Sequence[Source]) -> str:
    """Returns the text of a program that looks most like the name of a metric to be scored; "" where none does."""
    texts = [text for source in sources for text in _texts(source.tree) if re.fullmatch(r"[\w./ -]{2,40}", text)]
    likely = [(worth(as_name(text)), text) for text in texts if " " not in text]
    value, name = max(likely, key=lambda each: each[0], default=(0, ""))
    return name if value >= 3 else ""


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def epochs_counted(sources: Sequence[Source]) -> int | None:
    """Returns how many epochs a loop over `epoch` counts to, where that is a number; None where none is seen."""
    for source in sources:
        for node in ast.walk(source.tree):
            if not (isinstance(node, ast.For) and "epoch" in ast.unparse(node.target).lower()):
                continue
            bounds = [source.literal(each) for each in node.iter.args] if isinstance(node.iter, ast.Call) else []
            if bounds and len(bounds) <= 2 and all(type(bound) is int for bound in bounds):
                count = bounds[-1] - (bounds[0] if len(bounds) == 2 else 0)
                if count > 0:
                    return int(count)
    return None
