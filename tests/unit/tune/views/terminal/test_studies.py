"""The studies in a folder."""

import io
import json
import re
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from tests.fakes.clock import Clock
from tests.fakes.ledgers import Player, latent_study, played
from tune.errors import UserMistake
from tune.ledger.ledger import Ledger
from tune.ledger.reader import LedgerReader
from tune.views.terminal.status import status
from tune.views.terminal.studies import list_studies, print_studies

DOCS = Path(__file__).parents[5] / "docs" / "terminal.md"


def test_each_study_has_a_line_that_agrees_with_its_status(tmp_path: Path) -> None:
    """What is said of a study is what `status` says, also while a process works on it."""
    played(tmp_path / "done", latent_study(name="done"))
    clock = Clock()
    ledger = Ledger.open(latent_study(name="now"), tmp_path / "now", clock=clock)
    Player(ledger, clock).play(units=3)
    clock.sleep(3)
    found = list_studies(tmp_path, clock).as_json()
    assert found["others"] == []
    assert [line["study"] for line in found["studies"]] == ["done", "now"]
    assert [line["state"] for line in found["studies"]] == ["finished", "running"]
    assert found["studies"][1]["last_sign_age_s"] == 3
    for line in found["studies"]:
        said = status(LedgerReader.read(Path(line["folder"]), clock=clock))
        best = {key: said["incumbent"][key] for key in ("number", "score", "confirmed", "failure_rate")}
        assert line["incumbent"] == best
        assert line["trials"] == sum(said["trials"].values())
        assert (line["seed_epochs_spent"], line["planned_trials"]) == (said["seed_epochs_spent"], 18)
    shown = _printed(tmp_path, clock)
    assert re.search(r"^now +running +3/18 +\d\? +[\d.]+ +0/2 +12 +now *$", shown, re.MULTILINE)
    assert re.search(r"^done +finished +18/18 +9 +0.02884 +0/5 +248 +\d", shown, re.MULTILINE)
    ledger.close("interrupted")


def test_what_is_damaged_or_foreign_is_said_and_the_others_are_listed(tmp_path: Path) -> None:
    """A study.yaml cut off, a database that is none, one that is gone, a training, another folder: a line for each."""
    played(tmp_path / "whole", latent_study(search={"trials": 2}))
    for name in ("cut", "garbage", "gone"):
        shutil.copytree(tmp_path / "whole", tmp_path / name)
    for name in ("training", "photos", ".hidden"):
        (tmp_path / name).mkdir()
    (tmp_path / "cut" / "study.yaml").write_text("name: [")
    (tmp_path / "cut" / "study.db").write_bytes(b"")
    (tmp_path / "garbage" / "study.db").write_bytes(b"no database" * 1000)
    (tmp_path / "gone" / "study.db").unlink()
    (tmp_path / "training" / "training.yaml").write_text("name: one\n")
    (tmp_path / "notes.txt").write_text("no folder")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    found = list_studies(tmp_path, Clock())
    assert [line.folder.name for line in found.studies] == ["whole"]
    assert list(found.others) == ["cut", "garbage", "gone", "photos", "training"]
    assert found.others["photos"] == "no study"
    assert found.others["training"] == "a training of `latent-tune train`, no study"
    assert found.others["gone"].startswith("cannot be read: no study there (study.db is missing)")
    assert all("\n" not in why for why in found.others.values())
    shown = _printed(tmp_path, Clock())
    for name, why in found.others.items():
        assert f"{tmp_path / name}: {why}" in shown
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_an_empty_folder_and_none(tmp_path: Path) -> None:
    """Nothing there is said; no folder, or a study's own, is the user's mistake."""
    assert _printed(tmp_path, Clock()) == f"no study in {tmp_path}\n"
    with pytest.raises(UserMistake, match="cannot be listed: No such file or directory; give the folder in which"):
        list_studies(tmp_path / "nowhere", Clock())
    played(tmp_path / "s", latent_study(search={"trials": 1}))
    with pytest.raises(UserMistake, match="is a study itself; see it with latent-tune status"):
        list_studies(tmp_path / "s", Clock())


def test_docs_and_list_agree(tmp_path: Path) -> None:
    """docs/terminal.md lists exactly the keys that are there, in their order; all of it is JSON."""
    played(tmp_path / "s", latent_study(search={"trials": 2}))
    found = json.loads(json.dumps(list_studies(tmp_path, Clock()).as_json(), allow_nan=False))
    section = DOCS.read_text().split("`latent-tune list")[2]
    documented = re.findall(r"^\| `(\w+)` \|", section.split("\n## ")[0], re.MULTILINE)
    (line,) = found["studies"]
    assert documented == [*found, *line]


def _printed(folder: Path, clock: Clock) -> str:
    out = io.StringIO()
    print_studies(list_studies(folder, clock), Console(file=out, width=120))
    return out.getvalue()
