"""How values are written in a study file: YAML, in which a number is what it looks like, or is refused."""

import re
from collections.abc import Sequence
from typing import Any

import yaml

_INT, _FLOAT, _TIME = (f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "timestamp"))
_LEADING_ZERO = re.compile(r"^[-+]?0[0-9_]+$")


class Loader(yaml.SafeLoader):
    """Safe YAML that reads `1e-4` and `0o17` as numbers and a date as text, as YAML 1.2 does.

    Where the two versions read different numbers, as of `010` and `1:30`, `misread` says so.
    """

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Returns a whole number; one with a leading zero counts by tens until it is refused."""
        if _LEADING_ZERO.match(node.value):
            return int(node.value.replace("_", ""))
        return int(super().construct_yaml_int(node))


Loader.add_constructor(_INT, Loader.construct_yaml_int)
# Lists of its own: PyYAML's are those of every program in this process.
Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag != _TIME]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern in (
    (_FLOAT, re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$")),
    (_INT, re.compile(r"^[-+]?0o[0-7]+$")),
    (_INT, _LEADING_ZERO),
):
    Loader.add_implicit_resolver(_tag, _pattern, list("-+.0123456789"))


def misread(node: yaml.Node) -> str | None:
    """Returns what is wrong with a number that is not what it looks like; None of anything else."""
    if not isinstance(node, yaml.ScalarNode) or node.tag not in (_INT, _FLOAT):
        return None
    text = node.value
    if ":" in text:
        value = 0.0
        for part in text.replace("_", "").lstrip("+-").split(":"):
            value = 60 * value + float(part)
        base = f"would be {value:g}, a number of base 60, to some programs and text to others"
        return f"{text} {base}; write the number, a duration like 1h 30min, or '{text}' in quotes for text"
    if _LEADING_ZERO.match(text):
        digits = text.replace("_", "")
        octal = "" if {"8", "9"} & set(digits) else f", {digits.replace('0', '0o', 1)} for the octal number"
        base = "with a leading zero would be octal to some programs and decimal to others"
        return f"{text} {base}; write {int(digits)}{octal}, or '{text}' in quotes for text"
    return None


class Dumper(yaml.SafeDumper):
    """Writes short sequences in flow style, as people do, and in quotes what would be read as something else."""


Dumper.yaml_implicit_resolvers = {
    first: known + [one for one in yaml.SafeDumper.yaml_implicit_resolvers.get(first, ()) if one not in known]
    for first, known in Loader.yaml_implicit_resolvers.items()
}


def _represent_list(dumper: yaml.SafeDumper, data: Sequence[Any]) -> yaml.Node:
    plain = not any(isinstance(item, list | dict) for item in data)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=plain)


Dumper.add_representer(list, _represent_list)
Dumper.add_representer(tuple, _represent_list)
