"""A study from Python: read from a file, or made of keyword arguments, with the same messages."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import PrivateAttr

from tune.errors import FileMistakes, Mistake
from tune.scoring.earlier import confirmed_trials
from tune.study.document import Document
from tune.study.reading import BUNDLED, find, read_study
from tune.study.study import Study as PlainStudy
from tune.study.study import build_study

_SOURCE = "latent_tune.Study"


class Study(PlainStudy):
    """One search: a space, seeds, epochs; every key of the study file is a keyword argument (docs/study.md).

    What is relative in it, paths of a recording and modules of a trainer, is so to the folder of its file; of a study
    without one, to the working directory in which it was made.

    Args:
        **keys: As in a study file. Sections are mappings: `search={"trials": 40}`.

    Raises:
        FileMistakes: With every mistake that there is.
    """

    _home: Path = PrivateAttr(default_factory=Path.cwd)

    def __init__(self, **keys: Any) -> None:
        mistakes: list[Mistake] = []
        given = {name: _plain(value, name, mistakes) for name, value in keys.items()}
        checked = build_study(Document(_SOURCE, given, mistakes=mistakes))
        super().__init__(**checked.model_dump(mode="json", by_alias=True))

    @classmethod
    def read(cls, path: str | Path, overrides: Sequence[str] = ()) -> Self:
        """Reads and checks a study file, or one that comes with the package by its name.

        Args:
            path: Of the YAML file.
            overrides: `path=value` as `--set` takes them, applied in order.

        Raises:
            UserMistake: If there is no such file.
            FileMistakes: With every mistake found.
        """
        file = find(str(path))
        study = cls(**read_study(file, list(overrides), confirmed_trials).model_dump(mode="json", by_alias=True))
        home = file.resolve().parent
        study._home = Path.cwd() if home == BUNDLED else home
        return study

    @property
    def home(self) -> Path:
        """The folder to which what is relative in it belongs."""
        return self._home

    @property
    def plain(self) -> PlainStudy:
        """The same as a study file would say it."""
        return PlainStudy.model_validate(self.model_dump(mode="json", by_alias=True))


def _plain(value: Any, path: str, mistakes: list[Mistake]) -> Any:
    """Returns a value as a file would hold it: mappings, lists, numbers, texts; what is none of these is a mistake."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(one, f"{path}.{key}", mistakes) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(one, f"{path}.{index}", mistakes) for index, one in enumerate(value)]
    if hasattr(value, "tolist"):  # of NumPy, PyTorch or pandas
        return _plain(value.tolist(), path, mistakes)
    kind = type(value).__name__
    mistakes.append(Mistake(path, f"must be what a file can hold (numbers, texts, lists, mappings), got a {kind}"))
    return None


def refuse_no_study(given: object) -> None:
    """Raises FileMistakes if what is given is no study."""
    if not isinstance(given, Study):
        said = f"a study is needed, got {type(given).__name__} {given!r:.60}; make one: latent_tune.Study.read(path)"
        raise FileMistakes(_SOURCE, [Mistake("", said)])
