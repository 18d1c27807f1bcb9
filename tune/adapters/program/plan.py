"""What all runs of a trial of a program have in common."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tune.adapters.program.command import unnamed
from tune.adapters.program.config_file import ConfigFile
from tune.study.program.placeholders import SPREAD, named_in
from tune.study.program.section import Program

SCRATCH = ".runs"
"""In the study folder, what runs have while they last."""


@dataclass(frozen=True)
class Plan:
    """What all runs of a trial have in common.

    Attributes:
        program: The section of the study.
        study: Its name.
        file: What `{config}` is a copy of; None where there is none.
        trial: Its number.
        folder: The study's; None, or one that this machine does not see: nothing is kept in it.
        config: The parameters of the trial, fixed ones included.
    """

    program: Program
    study: str
    file: ConfigFile | None = None
    trial: int = 0
    folder: Path | None = None
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def filed(self) -> list[str]:
        """The parameters that go into the copy of the file, by their dotted paths in it."""
        spread = any(name in SPREAD for _, text in self.program.texts() for name in named_in(text))
        return [] if self.file is None or spread else unnamed(self.program, self.config)

    @property
    def saves_in_run(self) -> bool:
        """Whether what is in `{run}` is the state: `{checkpoint}` is named only where it is read again."""
        return not any("checkpoint" in named_in(text) for path, text in self.program.texts() if path[0] != "resume")

    def mistakes(self, config: Mapping[str, Any]) -> dict[str, str]:
        """Returns by key what is wrong with the parameters of a configuration, and with what is set beside them."""
        if self.file is None or self.program.config is None:
            return {}
        paths = [*Plan(self.program, self.study, self.file, config=config).filed, *self.program.config.set]
        found = {path: self.file.mistake(path) for path in paths}
        return {path: said for path, said in found.items() if said is not None}

    def log(self, seeds: list[int]) -> Path | None:
        """Returns the file for the output of a run; None where this machine does not see the study folder."""
        if self.folder is None or not self.folder.is_dir():
            return None
        which = f"seed-{seeds[0]}" if len(seeds) == 1 else "seeds"
        path = self.folder.resolve() / "logs" / f"trial-{self.trial}-{which}.log"
        path.parent.mkdir(exist_ok=True)
        return path

    @property
    def scratch(self) -> Path | None:
        """The folder for the scratch folders of runs; None where this machine does not see the study folder."""
        return self.folder.resolve() / SCRATCH if self.folder is not None and self.folder.is_dir() else None
