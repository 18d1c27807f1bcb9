"""One task in five tools: how much a user writes, what comes out, and what it cost.

    python -m benchmarks.side_by_side.compare [--only count] [--tools optuna,function]

The task: digits by a small network, learning rate and width searched over 24 settings, five seeds, at most nine epochs,
early stopping. Every program of this folder is run as it stands, in a copy of it; those whose tool is not installed are
left out and said so. What was answered is trained again on twenty seeds that no tool has seen.

Lines of user code: those of the Python and YAML files that a user adds to `digits.py`, without blank ones, comments
and docstrings, laid out by `ruff format`. Writes benchmarks/results/side_by_side.json and the table in the docs;
`--only count` writes the lines anew and keeps the rest.
"""

import argparse
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tokenize
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from benchmarks.record import RESULTS, record

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs" / "side_by_side.md"
FRESH_SEEDS = range(1000, 1020)
LIMIT_S = 900
LATENT_TUNE = (sys.executable, "-m", "tune.cli", "run")
_MARKS = "<!-- table -->\n", "<!-- end of table -->"


@dataclass(frozen=True)
class Tool:
    """One way of writing the search.

    Attributes:
        name: For people.
        files: What a user writes.
        command: What runs it, in the folder.
        needs: Modules without which it cannot run.
        answer: Where the best setting stands, a pattern of files; "" for its output.
        unable: Why it cannot be run here at all; "" where it can.
    """

    name: str
    files: tuple[str, ...]
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    answer: str = ""
    unable: str = ""


TOOLS = {
    "optuna": Tool("Optuna", ("with_optuna.py",), (sys.executable, "with_optuna.py"), ("optuna",)),
    "ray": Tool("Ray Tune", ("with_ray.py",), (sys.executable, "with_ray.py"), ("ray",)),
    "wandb": Tool(
        "W&B sweeps",
        ("with_wandb.py",),
        (sys.executable, "with_wandb.py"),
        unable="a sweep is kept and decided by W&B's server, and has no offline mode",
    ),
    "hydra": Tool(
        "Hydra, Optuna sweeper",
        ("with_hydra.py", "with_hydra.yaml"),
        (sys.executable, "with_hydra.py"),
        ("hydra", "hydra_plugins.hydra_optuna_sweeper"),
        "multirun/*/*/optimization_results.yaml",
    ),
    "function": Tool(
        "latent-tune, function",
        ("function.py", "function.yaml"),
        (*LATENT_TUNE, "function.yaml", "--driver", "inline"),
        answer="results/*/best.yaml",
    ),
    "program": Tool(
        "latent-tune, program",
        ("program.yaml",),
        (*LATENT_TUNE, "program.yaml", "--driver", "inline"),
        answer="results/*/best.yaml",
    ),
}


def main() -> int:
    """Counts, runs what can be run, and writes result and table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("count",), help="run nothing")
    parser.add_argument("--tools", default=",".join(TOOLS), help=f"of {', '.join(TOOLS)}; the others keep their rows")
    options = parser.parse_args()
    file = RESULTS / "side_by_side.json"
    before = {row["tool"]: row for row in json.loads(file.read_text())["rows"]} if file.exists() else {}
    rows = []
    for key, tool in TOOLS.items():
        row = {"tool": tool.name, **lines_of(tool)}
        if options.only or key not in options.tools.split(","):
            row = {**before.get(tool.name, {"not_run": "not yet"}), **row}
        else:
            row |= ran(tool)
        rows.append(row)
        print(row, flush=True)
    record("side_by_side", "one task in five tools", "python -m benchmarks.side_by_side.compare", rows)
    text = PAGE.read_text(encoding="utf-8")
    head, tail = text.partition(_MARKS[0])[0], text.partition(_MARKS[1])[2]
    PAGE.write_text(f"{head}{_MARKS[0]}{table(rows)}{_MARKS[1]}{tail}", encoding="utf-8")
    return 0


def lines_of(tool: Tool) -> dict[str, int]:
    """Counts what a user writes, Python and YAML apart."""
    counted = {".py": 0, ".yaml": 0}
    for name in tool.files:
        text = (HERE / name).read_text(encoding="utf-8")
        counted[Path(name).suffix] += code_lines(text) if name.endswith(".py") else yaml_lines(text)
    return {"python_lines": counted[".py"], "yaml_lines": counted[".yaml"]}


def code_lines(text: str) -> int:
    """Counts the lines of Python that hold code, not those of comments and docstrings."""
    used: set[int] = set()
    fresh = True  # at the start of a statement, where a string alone is a docstring
    nothing = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in nothing or token.type == tokenize.ENDMARKER or (token.type == tokenize.STRING and fresh):
            fresh = fresh or token.type == tokenize.NEWLINE
            continue
        used |= set(range(token.start[0], token.end[0] + 1))
        fresh = False
    return len(used)


def yaml_lines(text: str) -> int:
    """Counts the lines of YAML that hold something."""
    return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in text.splitlines())


def ran(tool: Tool) -> dict[str, Any]:
    """Runs one search to its end and trains its answer again, or says why not."""
    missing = [name for name in tool.needs if not _installed(name)]
    if tool.unable or missing:
        return {"not_run": tool.unable or f"{missing[0]} is not installed"}
    with tempfile.TemporaryDirectory(prefix="latent-tune-side-") as scratch:
        folder = Path(scratch) / "task"
        shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("__pycache__"))
        log = Path(scratch) / "log"
        search_path = os.pathsep.join((str(HERE.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])))
        environment = {**os.environ, "DIGITS_LOG": str(log), "PYTHONPATH": search_path, "NO_COLOR": "1"}
        begun = time.monotonic()
        out, err = folder / "stdout", folder / "stderr"
        with out.open("w") as output, err.open("w") as errors:
            done = subprocess.run(
                tool.command, cwd=folder, env=environment, stdout=output, stderr=errors, timeout=LIMIT_S, check=False
            )
        took_s = time.monotonic() - begun
        if done.returncode:
            return {"not_run": f"exit code {done.returncode}: {' '.join(err.read_text().split()[-30:])}"}
        said = next(folder.glob(tool.answer)).read_text() if tool.answer else out.read_text().splitlines()[-1]
        trained_epochs = len(log.read_text().splitlines())
    values = (re.findall(rf"\b{name}['\"]?: ([-\d.e]+)", said)[-1] for name in ("learning_rate", "width"))
    learning_rate, width = map(float, values)
    losses = [fresh_loss(learning_rate, int(width), seed) for seed in FRESH_SEEDS]
    return {
        "learning_rate": learning_rate,
        "width": int(width),
        "fresh_mean": fmean(losses),
        "fresh_sd": stdev(losses),
        "seed_epochs": trained_epochs,
        "seconds": round(took_s, 1),
    }


def fresh_loss(learning_rate: float, width: int, seed: int) -> float:
    """Trains a setting in full on a seed that no search has used."""
    from benchmarks.side_by_side.digits import trained

    losses = trained(learning_rate, width, seed)
    return [next(losses) for _ in range(9)][-1]


def table(rows: list[dict[str, Any]]) -> str:
    """Returns the rows as Markdown."""
    text = "| tool | lines of Python | of YAML | answer | loss on 20 fresh seeds | seed-epochs | seconds |\n"
    text += "| --- | --- | --- | --- | --- | --- | --- |\n"
    for row in rows:
        head = f"| {row['tool']} | {row['python_lines']} | {row['yaml_lines']} |"
        if "fresh_mean" not in row:
            text += f"{head} not run: {row['not_run']} | – | – | – |\n"
            continue
        answer = f"rate {row['learning_rate']:.3g}, width {row['width']}"
        loss = f"{row['fresh_mean']:.4f} ± {row['fresh_sd']:.4f}"
        text += f"{head} {answer} | {loss} | {row['seed_epochs']:,} | {row['seconds']:.0f} |\n"
    return text


def _installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # of the package that it would be in
        return False


if __name__ == "__main__":
    sys.exit(main())
