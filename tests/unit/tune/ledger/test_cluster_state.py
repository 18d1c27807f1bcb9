"""What a driver says of its cluster, and what `status` makes of it."""

import io
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.fakes.clock import Clock
from tests.fakes.ledgers import latent_study
from tune.ledger.cluster_state import FILE, ClusterState, forget
from tune.ledger.ledger import Ledger
from tune.views.terminal.cluster import explanation
from tune.views.terminal.status import print_status, status

DOCS = Path(__file__).parents[4] / "docs" / "status.md"
SAID: dict[str, Any] = {
    "written": 0.0,
    "asked": {"CPU": 1, "GPU": 0.5},
    "slots": 2,
    "nodes": [
        {"address": "10.0.0.1", "total": {"CPU": 8, "GPU": 1}, "free": {"CPU": 6}, "accelerator": "A100"},
        {"address": "10.0.0.2", "total": {"CPU": 4}, "free": {"CPU": 4}},
    ],
    "training": [
        {"trial": 3, "address": "10.0.0.1", "silent_s": 400.0, "limit_s": 600.0},
        {"trial": 5, "address": "10.0.0.1", "silent_s": 1.0, "limit_s": None},
    ],
    "waiting": [{"trial": 7, "waits_s": 40.0}],
}


def said(**changes: Any) -> ClusterState:
    """What a driver said, just now."""
    return ClusterState.model_validate({**SAID, "written": time.time(), **changes})


def printed(ledger: Ledger) -> str:
    """What people are told."""
    out = io.StringIO()
    print_status(ledger, Console(file=out, width=200))
    return out.getvalue()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A study that a process has open."""
    return Ledger.open(latent_study(), tmp_path / "s", clock=Clock())


def test_status_says_who_waits_for_what_and_who_is_silent(ledger: Ledger) -> None:
    """Which trial waits since when and for which resource, what each node has, and of which trial nothing is heard."""
    said().write(ledger.folder)
    shown = printed(ledger)
    assert "cluster   2 slots, 2 in training, 1 waiting" in shown
    assert "10.0.0.1: 6 of 8 CPU free, 0 of 1 GPU free (A100); trials 3, 5" in shown
    assert "10.0.0.2: 4 of 4 CPU free" in shown
    assert "trial 7 (since 40 s) waits for 1 CPU and 0.5 GPU: no node has enough GPU free" in shown
    assert "trial 3 on 10.0.0.1: nothing heard for 6 min 40 s; it is ended after 10 min" in shown
    assert status(ledger)["driver"]["explanation"] == explanation(said())


@pytest.mark.parametrize(("budget", "told"), [({"seed_epochs": 1200}, True), ({"wall_clock": 3600}, False)])
def test_slots_that_are_free_on_purpose_are_explained(tmp_path: Path, budget: dict[str, int], *, told: bool) -> None:
    """Sixteen slots and one trial in training look like a fault; where seed-epochs are limited it is none."""
    ledger = Ledger.open(latent_study(budget=budget), tmp_path / "s", clock=Clock())
    said(slots=16, waiting=[]).write(ledger.folder)
    shown = printed(ledger)
    assert "cluster   16 slots, 2 in training, 0 waiting" in shown
    assert (
        "; 14 free, since seed-epochs are limited and what comes next rests on what is in training" in shown
    ) is told


def test_the_documented_keys_are_there(ledger: Ledger) -> None:
    """docs/status.md lists exactly the keys of `driver`, in their order, and it is JSON."""
    said().write(ledger.folder)
    found = json.loads(json.dumps(status(ledger), allow_nan=False))["driver"]
    part = DOCS.read_text().split("`driver`, from")[1].split("\n\n`")[0]
    assert re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE) == list(found)
    for key in ("nodes", "training", "waiting"):
        row = next(line for line in part.splitlines() if line.startswith(f"| `{key}` |"))
        assert all(f"`{name}`" in row for name in found[key][0])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"waiting": [], "training": []}, []),
        ({"waiting": [{"trial": 7, "waits_s": 2.0}], "training": []}, []),  # an actor takes a while to start
        (
            {"slots": 0, "nodes": [], "training": []},
            ["no node has room for one trial, which asks for 1 CPU and 0.5 GPU; the study waits until one joins"],
        ),
        (
            {"asked": {"CPU": 1}, "training": []},
            ["trial 7 (since 40 s) waits for 1 CPU: 10.0.0.1, 10.0.0.2 has that, and starts it"],
        ),
        (
            {
                "waiting": [],
                "training": [
                    {"trial": 1, "address": "h", "silent_s": 9.0, "limit_s": 5.0, "ended": "no report for 5 s"}
                ],
            },
            ["trial 1 on h: no report for 5 s; its process was told to end, and has not"],
        ),
    ],
)
def test_each_reason_has_its_sentence(changes: dict[str, Any], expected: list[str]) -> None:
    """Nothing is said where nothing is stuck."""
    assert explanation(said(**changes)) == expected


def test_what_is_old_is_said_to_be_old(ledger: Ledger) -> None:
    """A process that was killed leaves what it knew; nobody takes it for the present."""
    said(written=time.time() - 120).write(ledger.folder)
    found = status(ledger)["driver"]
    assert found["stale"] is True
    assert 120 <= found["age_s"] < 180
    assert re.search(r"\(2 min \d\d s ago: nothing newer was said, so this may have changed\)", printed(ledger))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"written": "x"}', b"\xff\xfe"])
def test_a_damaged_file_is_as_good_as_none(ledger: Ledger, content: bytes) -> None:
    """It is only for looking at: `status` goes on without it."""
    (ledger.folder / FILE).write_bytes(content)
    assert status(ledger)["driver"] is None
    assert "cluster" not in printed(ledger)


def test_a_disk_that_does_not_take_it_harms_nothing(tmp_path: Path) -> None:
    """Neither writing nor removing it ever ends a study."""
    said().write(tmp_path / "gone")
    forget(tmp_path / "gone")
    said().write(tmp_path)
    assert ClusterState.read(tmp_path) is not None
    forget(tmp_path)
    assert list(tmp_path.iterdir()) == []
