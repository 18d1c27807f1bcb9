"""Conditions between parameters (`where`): read by Python's grammar, worked out here, never run as Python.

What may stand there is listed in this file, and nothing else is taken: numbers, texts, true and false, lists, names of
parameters and fixed values, arithmetic, comparisons, `and`, `or`, `not`, `in`. What it takes is bounded: the length,
the number of parts, and how large a whole number may become.
"""

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any
from warnings import catch_warnings

from pydantic import AfterValidator

_LONGEST, _MOST_PARTS, _MOST_BITS = 1000, 200, 4096

_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda one, several: one in several,
    ast.NotIn: lambda one, several: one not in several,
}
_SIGNS: dict[type[ast.unaryop], Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}
_ALLOWED = (
    "numbers, texts, true, false, lists, names of parameters and fixed values, + - * / // % **, comparisons, "
    "and, or, not, in"
)


class Expression:
    """A condition that a setting meets or does not.

    Args:
        text: As it stands in the study file.

    Attributes:
        names: Of parameters and fixed values, in the order in which they stand there.

    Raises:
        ValueError: If it is no such condition.
    """

    def __init__(self, text: str) -> None:
        if len(text) > _LONGEST:
            raise ValueError(f"at most {_LONGEST:,} characters, got {len(text):,}; split it into several conditions")
        try:
            with catch_warnings(action="ignore"):
                self._root = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            said = error.msg if isinstance(error, SyntaxError) else str(error) or type(error).__name__
            example = "write one like 'latent_dims <= hidden_units'"
            raise ValueError(f"{text!r:.80} is no condition: {said}; {example}") from None
        if sum(1 for _ in ast.walk(self._root)) > _MOST_PARTS:
            raise ValueError(f"at most {_MOST_PARTS} names, numbers and signs; split it into several conditions")
        self.names = tuple(dict.fromkeys(_names(self._root, text)))

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Says whether values meet the condition.

        Raises:
            ValueError: If it cannot be worked out for them, as where it divides by zero.
        """
        try:
            return _truth(self._root, values)
        except (ArithmeticError, TypeError) as error:
            raise ValueError(f"cannot be worked out: {error}") from None


@lru_cache(maxsize=1024)
def expression(text: str) -> Expression:
    """Returns the condition that a text says.

    Raises:
        ValueError: If it says none.
    """
    return Expression(text)


def _checked(text: str) -> str:
    expression(text)
    return text


Condition = Annotated[str, AfterValidator(_checked)]
"""A text of the study file that says a condition."""


def _names(node: ast.expr, text: str) -> Iterator[str]:
    """Yields the names in an expression.

    Raises:
        ValueError: If there is anything in it that may not be.
    """
    dotted = _dotted(node)
    if dotted is not None:
        if dotted not in _WORDS:
            yield dotted
        return
    parts: list[ast.expr] = []
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None):
            pass
        case ast.BoolOp(values=operands) | ast.List(elts=operands) | ast.Tuple(elts=operands):
            parts = operands
        case ast.UnaryOp(operand=operand):
            if type(node.op) not in _SIGNS and not isinstance(node.op, ast.Not):
                raise _refused(node, text)
            parts = [operand]
        case ast.BinOp(left=left, right=right) if type(node.op) in _ARITHMETIC:
            parts = [left, right]
        case ast.Compare(left=left, comparators=others) if all(type(one) in _COMPARISONS for one in node.ops):
            parts = [left, *others]
        case _:
            raise _refused(node, text)
    for part in parts:
        yield from _names(part, text)


def _dotted(node: ast.expr) -> str | None:
    """Returns a name, which may have dots as in `training.batch_size`; None of anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value)) is not None:
        return f"{before}.{node.attr}"
    return None


def _refused(node: ast.expr, text: str) -> ValueError:
    part = ast.get_source_segment(text.strip(), node) or text
    return ValueError(f"{part!r:.80} may not stand in a condition; allowed: {_ALLOWED}")


def _value(node: ast.expr, values: Mapping[str, Any]) -> Any:
    dotted = _dotted(node)
    if dotted is not None:
        return _WORDS[dotted] if dotted in _WORDS else values[dotted]
    match node:
        case ast.Constant(value=value):
            return value
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return [_value(one, values) for one in elements]
        case ast.BoolOp(op=ast.And()):
            return all(_truth(one, values) for one in node.values)
        case ast.BoolOp():
            return any(_truth(one, values) for one in node.values)
        case ast.UnaryOp(op=ast.Not()):
            return not _truth(node.operand, values)
        case ast.UnaryOp():
            return _SIGNS[type(node.op)](_number(node.operand, values))
        case ast.BinOp():
            return _calculated(node.op, _number(node.left, values), _number(node.right, values))
        case ast.Compare():
            return _compared(node, values)
    raise AssertionError(f"{type(node).__name__} was let through")


def _truth(node: ast.expr, values: Mapping[str, Any]) -> bool:
    found = _value(node, values)
    if not isinstance(found, bool):
        raise TypeError(f"{ast.unparse(node)} is {found!r:.80}, not true or false; compare it with something")
    return found


def _number(node: ast.expr, values: Mapping[str, Any]) -> float:
    found = _value(node, values)
    if not isinstance(found, int | float):
        raise TypeError(f"{ast.unparse(node)} is {found!r:.80}, not a number")
    return found


def _calculated(op: ast.operator, left: float, right: float) -> float:
    """Returns the result of one operation; no whole number in it takes more than some thousand bits."""
    if isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length(), right.bit_length()
        needed = bits[0] * max(0, right) if isinstance(op, ast.Pow) else sum(bits)
        if needed > _MOST_BITS:
            raise ArithmeticError(f"a number of more than {_MOST_BITS:,} bits")
    if isinstance(op, ast.Pow) and left < 0 and right != int(right):
        raise ArithmeticError(f"a root of {left}")
    found: float = _ARITHMETIC[type(op)](left, right)
    return found


def _compared(node: ast.Compare, values: Mapping[str, Any]) -> bool:
    left = _value(node.left, values)
    for op, comparator in zip(node.ops, node.comparators, strict=True):
        right = _value(comparator, values)
        if not _COMPARISONS[type(op)](left, right):
            return False
        left = right
    return True
