"""Texts of somebody else's: nothing in a study acts on the terminal."""

import re
from pathlib import Path

import pytest

from tests.behaviour.command import here, write_study
from tune.views.report.figures.interactive import plotly_script

ESC = "\x1b[2J\x9b1A\r\u202e[red]x[/red]<b>"
HOSTILE = """\
import socket
from tests.fakes.trainers import Quadratic

class Hostile(Quadratic):
    def __init__(self, config, *others):
        super().__init__(config, *others)
        self.kind = config["kind"]

    def train(self, epochs):
        if self.kind.endswith("b"):
            raise ValueError({0!r})
        yield from super().train(epochs)
"""


def test_nothing_in_a_study_acts_on_the_terminal(cwd: Path) -> None:
    """Names and values of parameters, causes, hosts: every command shows them with their escapes written out."""
    (cwd / "hostile.py").write_text(HOSTILE.format(ESC))
    space = {"x": {"uniform": [0, 1]}, "kind": {"choice": [f"{ESC}a", f"{ESC}b"]}, ESC: {"choice": [1, 2]}}
    write_study(cwd, trainer="hostile:Hostile", space=space, fixed={})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("socket.gethostname", lambda: ESC)
        ran = here("run", "study.yaml", "--driver", "inline", cwd=cwd)
    folder = cwd / "results" / "tiny"
    said = [ran, here("status", folder), here("list", "results"), here("compare", folder, "0", "1")]
    said += [here("status", folder, "--json"), here("report", folder, "--print")]
    said += [here("resume", folder, "--driver", "inline", "--debug"), here("run", "study.yaml", "--dry-run")]
    said += [here("compare", folder, "0", "1", "--epochs", f"{ESC},1"), here("status", f"results/{ESC}", "--debug")]
    texts = [part for one in said for part in (one.out, one.err)]
    kept = ["report.md", "report.html", "latent-tune.log", *(f"logs/{one.name}" for one in folder.glob("logs/*"))]
    assert len(kept) > 3
    texts += [(folder / name).read_text(encoding="utf-8").replace(plotly_script(), "") for name in kept]
    for text in texts:
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", text)
    assert "\\x1b[2J\\x9b1A\\r\\u202e[red]x[/red]" in said[1].out
    assert "[/red]<b>" not in (folder / "report.html").read_text(encoding="utf-8")
