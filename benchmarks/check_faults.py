"""Does a check name what is wrong, and nothing else? Planted faults, their healthy twins, and the built-in trainer.

    python -m benchmarks.check_faults [--healthy 50] [--seed 0] [--only NAME ...] [--minutes 2] [--append]

Each study is checked as `latent-tune check` does it, in fresh processes. A planted fault counts as named where the item
that is about it says so at least as severely as it should, in words that lead to the cause; a study without a fault
counts as a false alarm where its verdict is no-go. The faults are those of a list that was there before the items that
judge them. Their words were chosen with the items' texts at hand: they show that a text still names the cause, not that
it was found blindly. Likewise the rule and the factor of `gradient norm` were settled with these trainings at hand; the
other thresholds were there before them. Prints a row per study and the counts, and writes
benchmarks/results/check_faults.json.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.record import RESULTS, record
from tests.fakes.planted.catalogue import PLANTED, Planted
from tests.fakes.planted.healthy import healthy_studies
from tune.cli.session.checking import CheckRequest, check
from tune.scoring.check.checked import Checked
from tune.study.document import Document
from tune.study.study import build_study


def main() -> int:
    """Checks them all, and returns 0 where every fault was named and at most one healthy training was refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--healthy", type=int, default=50, help="studies of the built-in trainer")
    parser.add_argument("--seed", type=int, default=0, help="of their settings")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="planted faults whose names hold this")
    parser.add_argument("--minutes", type=float, default=2.0, help="of each check")
    parser.add_argument("--append", action="store_true", help="keep what the result file has, and do the rest")
    options = parser.parse_args()
    file = RESULTS / "check_faults.json"
    rows: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["rows"] if options.append else []
    there = {(row["kind"], row["study"]) for row in rows}
    for row in _rows(options, there):
        rows.append(row)
        print(*row.values(), sep="  ", flush=True)
        planted = [row for row in rows if row["kind"] == "planted"]
        others = [row for row in rows if row["kind"] != "planted"]
        named, refused = sum(row["right"] for row in planted), sum(not row["right"] for row in others)
        if not options.only:  # as it goes: it takes most of an hour
            about = {"named": named, "faults": len(planted), "refused": refused, "healthy": len(others)}
            what = "planted faults that a check names, healthy trainings that it refuses"
            command = f"python -m benchmarks.check_faults --healthy {options.healthy} --seed {options.seed}"
            record("check_faults", what, command, rows, **about)
    print(f"{named} of {len(planted)} faults named; {refused} of {len(others)} healthy trainings refused")
    return 0 if named == len(planted) and refused <= 1 else 1


def _rows(options: argparse.Namespace, there: Container[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    chosen = [one for one in PLANTED if not options.only or any(part in one.name for part in options.only)]
    for one in chosen:
        if ("twin", one.name) in there:
            continue
        found, seconds = _checked(one.name, one.study, options.minutes)
        yield {"kind": "planted", "study": one.name, "right": named(one, found), "seconds": seconds, "said": found.said}
        found, seconds = _checked(one.name, one.healthy, options.minutes)
        yield _healthy("twin", one.name, found, seconds)
    for study in healthy_studies(0 if options.only else options.healthy, options.seed):
        if ("built-in", study["name"]) in there:
            continue
        found, seconds = _checked(study["name"], study, options.minutes)
        yield _healthy("built-in", study["name"], found, seconds)


def named(one: Planted, found: Checked) -> bool:
    """Says whether a check has named a planted fault."""
    items = {item.name: item for item in found.items}
    item = items.get(one.item)
    if item is None or item.verdict not in (one.verdict, "no-go"):
        return False
    said = f"{item.measured} {item.advice}".lower()
    return all(word.lower() in said for word in one.words)


def _healthy(kind: str, name: str, found: Checked, seconds: float) -> dict[str, Any]:
    return {"kind": kind, "study": name, "right": found.verdict != "no-go", "seconds": seconds, "said": found.said}


def _checked(name: str, plain: Mapping[str, Any], minutes: float) -> tuple[Checked, float]:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="latent-tune-check-faults-") as results:
        found = check(build_study(Document(name, dict(plain))), CheckRequest("ray", Path(results), minutes=minutes))
    return found, round(time.monotonic() - began, 1)


if __name__ == "__main__":
    sys.exit(main())
