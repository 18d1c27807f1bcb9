"""Lines that a program prints, as patterns that find their numbers again."""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from string import Formatter

from tune.cli.init.source import Source

METRIC = re.compile(
    r"(?:^|_)(loss|acc|accuracy|error|err|score|mse|mae|rmse|r2|auc|auroc|f1|ppl|perplexity|nll|elbo|reward|return|iou|dice|"
    r"psnr|ssim|map|bleu|kl|correlation|metric)\d*(?:_|$)"
)
_HELD_OUT = re.compile(r"(?:^|_)(val|valid|validation|dev|test|eval|heldout|cv)(?:_|$)")
_TRAINING = re.compile(r"(?:^|_)(train|training|batch|running)(?:_|$)")
_PRINTS = re.compile(r"print|(.*\.)?(info|warning|echo|secho|tqdm\.write|console\.print|stdout\.write)")
_PERCENT = re.compile(r"%[-+ #0]*\d*(?:\.\d+)?([sdifgeEGr%])")
_LABEL = re.compile(r"([A-Za-z][A-Za-z0-9_./ -]*?)[\s:=~]*[(\[]?\s*$")
_SPECIAL = re.compile(r"([.^$*+?{}\[\]\\|()])")
_EPOCH = re.compile(r"(?:^|_)epoch_?(?:id|idx|i|num|number|no)?$", re.IGNORECASE)
_NUMBER, _ANYTHING = r"[-+.\w]+", r"\S+"  # a number may be nan or -inf


@dataclass(frozen=True)
class _Value:
    """A computed part of a line: the name of what is printed, and how its format sets it."""

    name: str
    format: str = ""

    def pattern(self, value: str) -> str:
        """Returns the pattern of it: with the blanks before it and the % after it that its format may put there."""
        padded = re.match(r"[^.a-z%]*[1-9]", self.format) is not None or value == _ANYTHING
        return (" *" if padded else "") + value + ("%" if self.format.endswith("%") else "")


Part = str | _Value


@dataclass(frozen=True)
class Line:
    """A pattern for a line, and the metrics that it names."""

    pattern: str
    metrics: tuple[str, ...]


def worth(metric: str) -> int:
    """Returns how likely a name is that of the metric to be scored: losses of held-out data before all else."""
    if not METRIC.search(metric):
        return 0
    held_out, training = _HELD_OUT.search(metric), _TRAINING.search(metric)
    return 3 + (4 if held_out else 0) - (2 if training else 0) + (1 if "loss" in metric else 0)


def as_name(text: str) -> str:
    """Returns a label as a name: `Val Loss` is `val_loss`."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", text).lower()).strip("_")


def printed_line(source: Source) -> Line | None:
    """Returns the line with the metric that is most likely to be scored; None where no metric is printed."""
    found = []
    for call in source.calls():
        if _PRINTS.fullmatch(source.dotted(call.func)):
            for parts in _lines(_parts(call)):
                line = _line(parts)
                if line is not None:
                    batch = re.search(r"batch|step|iter", line.pattern, re.IGNORECASE) is not None
                    known = max(map(worth, line.metrics)) + 2 * ("<epoch>" in line.pattern) - 3 * batch
                    found.append((known, line))
    return max(found, key=lambda each: each[0])[1] if found else None


def _lines(parts: Iterable[Part]) -> list[list[Part]]:
    """Returns the parts of each line of what is printed."""
    lines: list[list[Part]] = [[]]
    for part in parts:
        texts: list[Part] = [*part.split("\n")] if isinstance(part, str) else [part]
        for index, text in enumerate(texts):
            if index:
                lines.append([])
            lines[-1].append(text)
    return lines


def _line(parts: list[Part]) -> Line | None:
    """Returns the pattern of a line up to its last metric; None where it has none."""
    pattern, metrics, end, before = "", [], 0, ""
    for part in parts:
        if isinstance(part, str):
            pattern += re.sub(r"\s{2,}|[\t\r]", r"\\s+", _SPECIAL.sub(r"\\\1", part))
            before += part
            continue
        name = _name(before, part.name)
        if "<epoch>" not in pattern and (_EPOCH.search(part.name) or _EPOCH.search(as_name(before))):
            pattern += part.pattern(r"(?P<epoch>\d+)")
        elif METRIC.search(name) and name not in metrics:
            metrics.append(name)
            pattern += part.pattern(rf"(?P<{name}>{_NUMBER})")
            end = len(pattern)
        else:
            pattern += part.pattern(_ANYTHING)
        before = ""
    return Line(pattern[:end].lstrip(), tuple(metrics)) if metrics else None


def _name(before: str, variable: str) -> str:
    """Returns the name of a printed value: its label, or its variable where that says more."""
    label = _LABEL.search(re.split(r"[,;|)\]\n\t]|\s-\s|: (?=\w+ ?\w*[:=])", before)[-1])
    told, own = as_name(label[1] if label else ""), as_name(variable)
    if not told or (told in own and METRIC.search(own)) or worth(own) > worth(told):
        return own
    return told if METRIC.search(told) or not METRIC.search(own) else own


def _parts(call: ast.Call) -> Iterator[Part]:
    """Yields the texts and values that a call prints, in order."""
    if not call.args:
        return
    first, rest = call.args[0], call.args[1:]
    is_print = isinstance(call.func, ast.Name)
    if not is_print and rest and isinstance(first, ast.Constant) and "%" in str(first.value):  # a logger's own way
        yield from _percent(str(first.value), rest)
        return
    for index, argument in enumerate(call.args):
        if index:
            yield " "
        yield from _of_expression(argument)


def _of_expression(node: ast.expr) -> Iterator[Part]:
    match node:
        case ast.Constant(value=value):
            yield str(value)
        case ast.JoinedStr(values=values):
            for each in values:
                yield from _of_expression(each)
        case ast.FormattedValue(value=value, format_spec=spec):
            yield _Value(_variable(value), _spec(spec))
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod(), right=right):
            yield from _percent(text, right.elts if isinstance(right, ast.Tuple) else [right])
        case ast.BinOp(left=ast.Constant() | ast.JoinedStr() | ast.BinOp() as left, op=ast.Add(), right=right):
            yield from _of_expression(left)
            yield from _of_expression(right)
        case ast.Call(
            func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format"), args=given, keywords=named
        ):
            yield from _formatted(text, given, {each.arg: each.value for each in named if each.arg})
        case ast.Call(func=ast.Attribute(attr="dumps"), args=[ast.Dict(keys=keys), *_]):
            for index, key in enumerate(map(_text, keys)):
                yield f'{", " if index else "{"}"{key}": '
                yield _Value(key)
        case _:
            yield _Value(_variable(node))


def _text(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _percent(text: str, given: list[ast.expr]) -> Iterator[Part]:
    at, waiting = 0, iter(given)
    for match in _PERCENT.finditer(text):
        yield text[at : match.start()]
        at = match.end()
        value = None if match[1] == "%" else next(waiting, None)
        yield "%" if match[1] == "%" else _Value("" if value is None else _variable(value), match[0].lstrip("%"))
    yield text[at:]


def _formatted(text: str, given: list[ast.expr], named: dict[str, ast.expr]) -> Iterator[Part]:
    waiting = iter(given)
    for literal, key, spec, _ in Formatter().parse(text):
        yield literal
        if key is None:
            continue
        value = named.get(key) if key and not key.isdecimal() else next(waiting, None)
        yield _Value(key if value is None else _variable(value), spec or "")


def _spec(node: ast.expr | None) -> str:
    """Returns the format of an f-string's value, as far as it is text."""
    parts = node.values if isinstance(node, ast.JoinedStr) else []
    return "".join(str(part.value) for part in parts if isinstance(part, ast.Constant))


def _variable(node: ast.expr) -> str:
    """Returns the name that a printed expression turns about: `loss` of `loss.item() / n`."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Subscript(value=value, slice=ast.Constant(value=str(key))):
            return key if METRIC.search(as_name(key)) else _variable(value)
        case ast.Subscript(value=value):
            return _variable(value)
        case ast.BinOp(left=left, right=right):
            return _variable(right) if isinstance(left, ast.Constant) else _variable(left)
        case ast.Call(func=ast.Attribute(value=value, attr="item" | "mean" | "sum" | "cpu" | "detach")):
            return _variable(value)
        case ast.Call(args=[first, *_]):
            return _variable(first)
        case ast.Attribute(attr=name):
            return name
    return ""
