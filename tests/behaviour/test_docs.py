"""What the docs name is there, and what is there the docs name."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docs import reference
from tune.study.study import json_schema

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*(ROOT / "docs").glob("*.md"), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))]
)
NAMED = re.compile(r"`((?:tune|model|tests|docs|benchmarks|cluster|search_spaces)/[\w./-]*)`")
LINKED = re.compile(r"\]\((?!https?:)([^)#\s]+)(#[\w-]+)?\)")
MADE_BY_COMMANDS = ("benchmarks/results/",)
"""What a command beside the name writes, and a checkout may lack."""


def schema_keys(node: Any, prefix: str = "") -> Iterator[str]:
    """The dotted path of every key of the study file that has a fixed name."""
    schema = json_schema()
    for key, one in node["properties"].items():
        yield prefix + key
        if "$ref" in one:
            yield from schema_keys(schema["$defs"][one["$ref"].rpartition("/")[2]], f"{prefix}{key}.")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    """Paths in backticks and links lead somewhere."""
    text = page.read_text(encoding="utf-8")
    named = [name for name in NAMED.findall(text) if not name.startswith(MADE_BY_COMMANDS) and "NAME" not in name]
    assert [name for name in named if not (ROOT / name).exists()] == []
    assert [link for link, _ in LINKED.findall(text) if not (page.parent / link).exists()] == []


def test_architecture_names_every_folder_and_each_names_a_file() -> None:
    """Whoever looks for a layer finds it, and the file to open first."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    packages = [path.parent for tree in ("tune", "model") for path in (ROOT / tree).glob("*/__init__.py")]
    folders = [f"{path.relative_to(ROOT)}/" for path in packages if path.name != "data"]
    assert [folder for folder in folders if f"`{folder}`" not in text] == []
    assert len(NAMED.findall(text)) > 80


def test_the_reference_is_what_the_code_says() -> None:
    """Study keys and commands are documented as they are checked; `make reference` writes the pages."""
    assert reference.STUDY.read_text(encoding="utf-8") == reference.study_page()
    assert reference.COMMANDS.read_text(encoding="utf-8") == reference.commands_page()


def test_every_study_key_is_documented() -> None:
    """Each key of the schema has a row, and a meaning in it."""
    rows = dict(re.findall(r"^\| `([\w.]+)` \|[^|]*\| (.+) \|$", reference.study_page(), re.MULTILINE))
    keys = [key for key in schema_keys(json_schema()) if key not in ("search", "score", "confirm", "budget")]
    keys = [key for key in keys if key not in ("resources", "storage", "loggers", "check")]
    assert len(keys) > 30
    assert [key for key in keys if not rows.get(key, "").strip("– ")] == []


def test_every_command_is_documented() -> None:
    """Each command that `--help` lists has a section, and README or another page shows it in use."""
    page = reference.commands_page()
    listed = re.findall(r"^## `latent-tune (\w+)", page, re.MULTILINE)
    used = "".join(path.read_text(encoding="utf-8") for path in PAGES if path.name != "commands.md")
    assert len(listed) >= 10
    assert [name for name in listed if f"latent-tune {name} " not in used] == []


def test_the_index_lists_every_page() -> None:
    """Nothing in docs/ can only be found by chance."""
    linked = {link for link, _ in LINKED.findall((ROOT / "docs" / "README.md").read_text(encoding="utf-8"))}
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert pages - linked == set()


def test_every_import_contract_is_of_folders() -> None:
    """No contract lists modules by hand but the views' common ground."""
    import tomllib

    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    named = json.dumps([one for one in contracts if one["name"] != "views do not know each other"])
    below = {name for name in re.findall(r"(?:tune|model)\.[\w.]+", named) if name.count(".") > 1}
    drivers = {f"tune.drivers.{name}" for name in ("ray", "inline", "simulated", "ask_tell")}
    assert below == {*drivers, "tune.ledger.database"}


def test_every_make_target_that_is_told_exists() -> None:
    """Every `make` target that a page tells to run is one."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    told = {name for page in PAGES for name in re.findall(r"`make ([a-z-]+)`", page.read_text(encoding="utf-8"))}
    assert told - targets == set()
    assert subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, check=True).stdout
