"""Options that stand in a configuration file: JSON, YAML or TOML, and Hydra's, which are composed of several."""

import ast
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tune.cli.init.click_reader import functions
from tune.cli.init.options import UNKNOWN, Interface, Kind, Option
from tune.cli.init.source import Source, read_text
from tune.cli.init.typed_reader import HYDRA, options_of
from tune.errors import UserMistake
from tune.study.scalars import Loader

SUFFIXES = (".json", ".yaml", ".yml", ".toml")
_KINDS: dict[type, Kind] = {bool: "bool", int: "int", float: "float", str: "text", type(None): "text"}
_GLOBAL = "# @package _global_"


def read_configuration(path: Path) -> dict[str, Any]:
    """Returns the mapping that a configuration file holds.

    Raises:
        UserMistake: If it is of no known kind, cannot be read, or holds no mapping.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UserMistake(
            f"{path}: its name must end in one of {', '.join(SUFFIXES)}, so that it is known how to read it"
        )
    text = read_text(path)
    try:
        value = json.loads(text) if suffix == ".json" else tomllib.loads(text) if suffix == ".toml" else _yaml(text)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise UserMistake(f"{path}: is no {suffix.lstrip('.').upper()}: {' '.join(str(error).split())}") from None
    if not isinstance(value, dict):
        raise UserMistake(f"{path}: holds a {type(value).__name__}; a mapping of names to values is needed")
    return value


def configuration_options(values: Mapping[str, Any], prefix: str = "") -> Iterator[Option]:
    """Yields an option for every value, nested ones by dotted names."""
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from configuration_options(value, f"{name}.")
        else:
            kind = _KINDS.get(type(value), "other")
            missing = value == "???"  # Hydra's mark of what must be given
            yield Option(name, name, kind, UNKNOWN if missing else value, required=missing)


def hydra_interfaces(source: Source, others: Sequence[Source]) -> list[Interface]:
    """Returns the keys of the configuration that `@hydra.main` names, or of the class that is registered for it.

    Raises:
        UserMistake: If the configuration file cannot be read.
    """
    for node in functions(source):
        for each in node.decorator_list:
            if isinstance(each, ast.Call) and source.dotted(each.func) == "hydra.main":
                given = {one.arg: source.literal(one.value) for one in each.keywords}
                name, folder = given.get("config_name"), given.get("config_path")
                options = _composed_options(source, folder, name) or _registered_options(others, name)
                return [Interface("Hydra", tuple(options))] if options else []
    return []


def _composed_options(source: Source, folder: object, name: object) -> list[Option]:
    if not isinstance(name, str) or not name:
        return []
    root = source.path.parent / folder if isinstance(folder, str) else source.path.parent
    path = root / (name if name.endswith(SUFFIXES) else f"{name}.yaml")
    return list(configuration_options(_composed(path, root))) if path.is_file() else []


def _composed(path: Path, root: Path) -> dict[str, Any]:
    """Returns a Hydra configuration with the files of its defaults list, later ones over earlier ones.

    Source: https://hydra.cc/docs/advanced/defaults_list/ (groups, plain names,
    `_self_`, the package `_global_`).
    """
    own = read_configuration(path)
    own.pop("hydra", None)
    defaults = own.pop("defaults", None) or []
    composed: dict[str, Any] = {}
    own_at = len(defaults) if "_self_" not in defaults else defaults.index("_self_")
    for index, entry in enumerate(defaults):
        if index == own_at:
            _merge(composed, own)
        elif isinstance(entry, str) and entry != "_self_":
            _merge(composed, _of_group(root, "", entry))
        elif isinstance(entry, dict):
            for group, chosen in entry.items():
                words = str(group).split()
                if isinstance(chosen, str) and words[0] != "override" and "hydra" not in words[-1].split("/")[0]:
                    _merge(composed, _of_group(root, words[-1], chosen))
    if own_at == len(defaults):
        _merge(composed, own)
    return composed


def _of_group(root: Path, group: str, chosen: str) -> dict[str, Any]:
    """Returns what a file of a config group adds, below the group's name; nothing where there is no such file."""
    group, _, package = group.partition("@")
    path = root / group / f"{chosen.removesuffix('.yaml')}.yaml"
    if not path.is_file():
        return {}
    values = read_configuration(path)
    values.pop("defaults", None)
    if read_text(path).lstrip().startswith(_GLOBAL) or package == "_global_" or not group:
        return values
    for part in reversed((package or group.replace("/", ".")).split(".")):
        values = {part: values}
    return values


def _registered_options(others: Sequence[Source], name: object) -> list[Option]:
    """Returns the fields of the class that `ConfigStore.store(name=…, node=…)` registers under a name."""
    for source in others:
        for call in source.calls():
            given = {one.arg: one.value for one in call.keywords}
            if source.literal(given.get("name")) == name is not None and "node" in given:
                node = given["node"]
                return options_of(source.dotted(node.func if isinstance(node, ast.Call) else node), others, HYDRA)
    return []


def _merge(into: dict[str, Any], values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _yaml(text: str) -> Any:
    loader = Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()
