"""Study files, found by path or by name, and read."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tune.errors import UserMistake, did_you_mean
from tune.study import document
from tune.study.settings.starting_points import EarlierTrials, settle_starting_points
from tune.study.study import NAME, Study, build_study

BUNDLED = Path(__file__).resolve().parents[2] / "search_spaces"
"""Where the studies that come with the package lie, in a checkout and in an installation alike."""


def find(path: str) -> Path:
    """Returns the study file: the path itself, or the study of that name that comes with the package.

    Raises:
        UserMistake: If there is neither.
    """
    given = Path(path)
    if given.is_file():
        return given
    stem = given.name.removesuffix(".yaml")
    bundled = BUNDLED / f"{stem}.yaml"
    if given.parent in (Path(), Path("search_spaces")) and NAME.fullmatch(stem) and bundled.is_file():
        return bundled
    names = sorted(file.stem for file in BUNDLED.glob("*.yaml"))
    raise UserMistake(
        f"{path}: no such file, and no study of that name comes with the package{did_you_mean(stem, names)}"
    )


def read_study(
    path: Path,
    overrides: Sequence[str] = (),
    earlier: EarlierTrials | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Study:
    """Reads and checks a study file.

    A file may hold variants under `scales`, each a mapping of dotted paths to values; `scale=small` among the
    overrides (or the key `scale` in the file) applies one before the other overrides.

    Args:
        path: The YAML file.
        overrides: `path=value` as given to `--set`, applied in order.
        earlier: Reads the folders of earlier studies that `search.enqueue` may name; None: it may name CSV files.
        tell: Takes lines for people: what of an earlier table was read, and what was left out.

    Raises:
        UserMistake: If the file cannot be read.
        FileMistakes: With every mistake found.
    """
    file = document.read(path)
    document.choose_scale(file, overrides)
    for override in overrides:
        if not override.startswith("scale="):
            document.assign_text(file, override)
    home = path.resolve().parent  # of a study that comes with the package it is where it is run
    for line in settle_starting_points(file, Path() if home == BUNDLED else home, earlier):
        tell(line)
    return build_study(file)
