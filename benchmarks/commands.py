"""How long commands take from the shell to their answer, and a study from `run` to its first training step.

python -m benchmarks.commands

A small study is run once. Then all commands take turns, each in a process of its own, round after round. The demo is
started on Ray and inline, with a trainer that notes when its first epoch begins, and is ended there.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from benchmarks.commands_trainer import NOTE
from benchmarks.record import record

ROUNDS = 9
STUDY = "study"
_COMMAND = str(Path(sys.executable).with_name("latent-tune"))
_RUN_ONCE = [
    "run", "quickstart", "--driver", "inline", "--quiet", "--set", f"name={STUDY}", "--set", "search.trials=4",
    "--set", "rungs=[{epochs: 18, seeds: 2}, {epochs: 36, seeds: 3}]", "--set", "confirm={seeds: 3, finalists: 1}",
]  # fmt: skip
COMMANDS: dict[str, tuple[Sequence[str], float]] = {
    "list": (("list",), 0.8),
    "status": (("status", f"results/{STUDY}"), 0.8),
    "compare": (("compare", f"results/{STUDY}", "0", "1"), 0.8),
    "report": (("report", f"results/{STUDY}"), 3.0),
    "run --dry-run": (("run", "quickstart", "--dry-run"), 2.0),
}
"""What is timed, and the seconds that it may take."""
STARTS = {"ray": 4.0, "inline": None}
_LONGEST_S = 120.0


def main() -> int:
    """Measures, prints a line for each, stores them; 1 where one takes longer than it may."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        subprocess.run([_COMMAND, *_RUN_ONCE], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        sides: dict[str, Callable[[], float]] = {
            name: lambda arguments=arguments: _answer_s(arguments, folder) for name, (arguments, _) in COMMANDS.items()
        }
        sides |= {
            f"run on {driver} to the first step": lambda driver=driver: _first_step_s(driver, folder)
            for driver in STARTS
        }
        times: dict[str, list[float]] = {name: [] for name in sides}
        for turn in range(ROUNDS + 1):
            for name, measure in sides.items():
                seconds = measure()
                if turn:  # the first one also compiles Python's own files
                    times[name].append(seconds)
    required = {name: most for name, (_, most) in COMMANDS.items()}
    required |= {f"run on {driver} to the first step": most for driver, most in STARTS.items()}
    rows = [
        {"what": name, "seconds": median(found), "least_s": min(found), "greatest_s": max(found),
         "required_s": required[name]}
        for name, found in times.items()
    ]  # fmt: skip
    for row in rows:
        most = "" if row["required_s"] is None else f"; at most {row['required_s']:.1f} s are required"
        print(f"{row['what']}: {row['seconds']:.2f} s ({row['least_s']:.2f} to {row['greatest_s']:.2f}){most}")
    record("commands", "Time of commands from the shell to their answer", "python -m benchmarks.commands", rows)
    return int(any(row["required_s"] is not None and row["seconds"] > row["required_s"] for row in rows))


def _answer_s(arguments: Sequence[str], folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run([_COMMAND, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _first_step_s(driver: str, folder: Path) -> float:
    """Returns the seconds from the shell to the first step of the demo, which is ended then."""
    with tempfile.TemporaryDirectory() as results:
        note = Path(results) / "note"
        arguments = ("run", "quickstart", "--driver", driver, "--quiet", "--results", results)
        trainer = ("--set", "trainer=benchmarks.commands_trainer:Noted")
        began = time.time()
        run = subprocess.Popen(
            [_COMMAND, *arguments, *trainer],
            cwd=folder,
            env={**os.environ, NOTE: str(note), "PYTHONPATH": str(Path(__file__).resolve().parents[1])},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while not (note.exists() and note.read_text()):
                if run.poll() is not None or time.time() - began > _LONGEST_S:
                    raise RuntimeError(f"the demo on {driver} came to no step (exit code {run.poll()})")
                time.sleep(0.01)
            return float(note.read_text()) - began
        finally:
            run.send_signal(signal.SIGINT)
            run.wait()


if __name__ == "__main__":
    sys.exit(main())
