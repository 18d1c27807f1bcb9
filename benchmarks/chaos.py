"""Is anything lost? One study on the Ray driver under a storm of real faults, against the same study undisturbed.

    python -m benchmarks.chaos [--faults 100] [--seed 0] [--trials 60] [--kinds "driver killed" ...]

Processes are killed and stopped at random moments, inside writes too (an LD_PRELOAD library makes the nth write, sync
or rename of the study's files the last thing that a process does, half done if so drawn); files are cut and bits
flipped while nobody works; the disk is full; the clock jumps. After each fault the same command is given again, if the
driver did not go on by itself. With one slot the study must then end as if nothing had happened: same trials, same
decisions, same winner, and every row of its curves the same to the last bit, but for those that damage took from
trials that were finished.

Prints a row per kind of fault and the verdict, and writes benchmarks/results/chaos.json.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import yaml

from benchmarks.faults import shim
from benchmarks.faults.kinds import FAULTS
from benchmarks.faults.storm import ROOT, Hung, Storm, study
from benchmarks.record import record
from tune.ledger.reader import LedgerReader


def main() -> int:
    """Runs the storm and returns 0 when nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of kinds and moments")
    parser.add_argument("--trials", type=int, default=60, help="of the study; enough for all faults")
    parser.add_argument("--sleep", type=float, default=0.25, help="seconds per epoch")
    parser.add_argument("--kinds", nargs="+", default=list(FAULTS), choices=list(FAULTS))
    parser.add_argument("--keep", type=Path, help="a folder that is kept, to look at")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="latent-tune-chaos-") as scratch:
        cwd = options.keep or Path(scratch)
        whole = undisturbed(cwd / "whole", study(options.trials, 0.0))
        storm, hung = weathered(cwd / "storm", options)
        found = verdict(whole, storm.folder) if (storm.folder / "study.yaml").exists() else {}
    rows = [one for kind in options.kinds if (one := row(kind, storm))["faults"]]
    about = {
        "faults": len(storm.strikes),
        "seed": options.seed,
        **found,
        "manual_repair_needed": len(hung),
        "hung": hung,
        "minutes": round((time.monotonic() - began) / 60, 1),
    }
    show(rows, about)
    what = "one study on the Ray driver with one slot under real faults, continued with the same command"
    record("chaos", what, f"python -m benchmarks.chaos {' '.join(sys.argv[1:])}".strip(), rows, **about)
    return 0 if not hung and not any(found[key] for key in ZERO) else 1


ZERO = ("trials_lost", "trials_run_twice", "wrong_decisions", "wrong_curve_rows", "wrong_winner")


def undisturbed(cwd: Path, given: dict[str, Any]) -> Path:
    """Runs the study inline in one go and returns its folder."""
    cwd.mkdir(parents=True)
    (cwd / "study.yaml").write_text(yaml.safe_dump(given, sort_keys=False))
    command = [sys.executable, "-m", "tune.cli", "run", str(cwd / "study.yaml"), "--results", str(cwd)]
    subprocess.run([*command, "--driver", "inline"], check=True, capture_output=True, cwd=ROOT)
    return cwd / given["name"]


def weathered(cwd: Path, options: argparse.Namespace) -> tuple[Storm, list[str]]:
    """Strikes until all faults are spent or the study is finished, then lets it finish."""
    cwd.mkdir(parents=True)
    given = study(options.trials, options.sleep)
    (cwd / "study.yaml").write_text(yaml.safe_dump(given, sort_keys=False))
    draw = Random(options.seed)  # noqa: S311
    storm = Storm(cwd, given["name"], shim.build(cwd), draw)
    hung: list[str] = []
    deck: list[str] = []
    while len(storm.strikes) + len(hung) < options.faults:
        if not deck:
            deck = draw.sample(options.kinds, len(options.kinds))
        kind = deck.pop()
        try:
            goes_on = storm.strike(FAULTS[kind])
        except Hung as error:
            hung.append(f"{kind}: {str(error)[-500:]}")
            if storm.alive and storm.process is not None:
                family = storm.family()
                storm.process.kill()
                storm.bury(family)
            continue
        if not goes_on:
            break
        if storm.strikes:
            last = storm.strikes[-1]
            came = f"{last.ended!s:>5} {last.trained:>6} {last.seconds:>6} {last.note}"
            print(f"{len(storm.strikes):>4} {last.fault:<28} {came}", flush=True)
    try:
        storm.finish()
    except Hung as error:
        hung.append(f"the end: {str(error)[-500:]}")
    return storm, hung


def verdict(whole: Path, stormy: Path) -> dict[str, Any]:
    """Compares the study under faults with the undisturbed one, decision by decision and bit by bit."""
    first, second = (LedgerReader.read(folder, clock=time.time) for folder in (whole, stormy))
    starts = Counter(one.trial for one in second.decisions if one.kind == "start")
    reached = Counter(
        (one.trial, one.rung, len(one.detail["losses"])) for one in second.decisions if one.kind == "reach"
    )
    settings = Counter(json.dumps(dict(trial.parameters), sort_keys=True) for trial in second.trials)
    twice = sum(count - 1 for count in (*starts.values(), *reached.values(), *settings.values()))
    lost = [
        trial.number
        for trial in first.trials
        if trial.number >= len(second.trials)
        or second.trials[trial.number].parameters != trial.parameters
        or set(second.trials[trial.number].reached) != set(trial.reached)
    ]
    wrong, missing = rows_compared(first, second)
    return {
        "trials": len(second.trials),
        "seed_epochs": second.spent,
        "redone": second.redone,
        "sessions": len(second.sessions),
        "attempts": dict(Counter(attempt.cause for trial in second.trials for attempt in trial.attempts)),
        "trials_lost": len(lost),
        "trials_run_twice": twice,
        "wrong_decisions": int(decided(first) != decided(second)),
        "wrong_curve_rows": wrong,
        "curve_rows_lost_to_damage": missing,
        "wrong_winner": int(recommended(whole) != recommended(stormy)),
    }


def rows_compared(whole: LedgerReader, stormy: LedgerReader) -> tuple[int, int]:
    """Returns how many rows of curves differ or should not be there, and how many are not there.

    A damaged file takes rows of trials that are finished, whose results are in the decisions: nobody trains them again.
    """
    first, second = (
        {(row["trial"], row["seed"], row["epoch"]): row for row in ledger.curves().to_pylist()}
        for ledger in (whole, stormy)
    )
    return sum(row != first.get(key) for key, row in second.items()), len(first.keys() - second.keys())


def recommended(folder: Path) -> Any:
    """The configuration that a study recommends; None where it has none."""
    file = folder / "best.yaml"
    return yaml.safe_load(file.read_text())["config"] | {"sleep_s": 0} if file.exists() else None


def decided(ledger: LedgerReader) -> list[tuple[Any, ...]]:
    """The decisions about trials in order, without times and deaths."""
    told = [one for one in ledger.decisions if one.trial is not None and one.kind != "attempt"]
    return [(one.kind, one.trial, one.rung, one.reason, dict(one.detail)) for one in told]


def row(kind: str, storm: Storm) -> dict[str, Any]:
    """What one kind of fault came to."""
    mine = [one for one in storm.strikes if one.fault == kind]
    return {
        "kind": kind,
        "faults": len(mine),
        "driver_went_on": sum(one.ended is None for one in mine),
        "seconds": median(one.seconds for one in mine) if mine else None,
        "exit_codes": dict(Counter(str(one.ended) for one in mine if one.ended is not None)),
    }


def show(rows: list[dict[str, Any]], about: dict[str, Any]) -> None:
    """Prints the table and the verdict."""
    print(f"{'fault':<28}{'times':>6}{'driver went on':>16}{'seconds':>9}  exit codes")
    for one in rows:
        codes = ", ".join(f"{code} x {count}" for code, count in one["exit_codes"].items())
        print(f"{one['kind']:<28}{one['faults']:>6}{one['driver_went_on']:>16}{one['seconds']:>9.1f}  {codes}")
    keys = (
        "faults",
        *ZERO,
        "curve_rows_lost_to_damage",
        "manual_repair_needed",
        "trials",
        "seed_epochs",
        "redone",
        "sessions",
        "minutes",
    )
    print("; ".join(f"{key.replace('_', ' ')} {about.get(key)}" for key in keys))
    for text in about["hung"]:
        print(f"hung: {text}")


if __name__ == "__main__":
    sys.exit(main())
