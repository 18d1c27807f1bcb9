"""How a program uses the path of its checkpoint: as a folder, or as a file that it loads, or saves as well."""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tune.cli.init.source import Source

_ENDING = re.compile(r"(?:.*/)?([\w-]+\.(?:pt|pth|ckpt|pkl|npz|npy|safetensors|joblib|bin|h5|keras|msgpack|tar))")
_LOADS, _SAVES = re.compile(r"load|read|restore|open", re.IGNORECASE), re.compile(r"save|dump|write", re.IGNORECASE)
_LAST = "last.pt"


@dataclass(frozen=True)
class CheckpointUse:
    """What the source of a program says about a path that an option gives.

    Attributes:
        loaded: Names of options whose value is loaded as a file.
        saved: Names of options whose value is saved as a file.
        file: The name under which the program saves its state, None where its source does not show it.
    """

    loaded: frozenset[str] = frozenset()
    saved: frozenset[str] = frozenset()
    file: str | None = None

    @classmethod
    def read(cls, sources: Sequence[Source]) -> "CheckpointUse":
        """Reads it from the files of a program."""
        loaded, saved, names = set(), set(), []
        for source in sources:
            for call in source.calls():
                last = source.dotted(call.func).rpartition(".")[2] or getattr(call.func, "attr", "")
                direct = {name for argument in call.args for name in _names(argument)}
                if _SAVES.search(last):
                    saved |= direct
                elif _LOADS.search(last):
                    loaded |= direct
            texts = [node.value for node in ast.walk(source.tree) if isinstance(node, ast.Constant)]
            names += [match[1] for text in texts if isinstance(text, str) and (match := _ENDING.fullmatch(text))]
        return cls(frozenset(loaded), frozenset(saved), next(iter(names), None))

    def of(self, option: str) -> str | None:
        """Returns the name of the file that an option wants to be given; None where it takes a folder."""
        return (self.file or _LAST) if _last(option) in self.loaded | self.saved else None

    def saves(self, option: str) -> bool:
        """Says whether the program saves to the very path that an option gives."""
        return _last(option) in self.saved


def _last(option: str) -> str:
    return option.rpartition(".")[2]


def _names(node: ast.expr) -> set[str]:
    """Returns the option that an argument is: `resume` for `args.resume`, `Path(args.resume)` and `resume`."""
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return {name}
        case ast.Call(args=[first]):
            return _names(first)
    return set()
