"""Ranges to search: around an option's default, on the scale that its name and kind suggest."""

import re
from collections.abc import Mapping
from math import log2

from tune.cli.init.options import UNKNOWN, Option
from tune.cli.init.source import is_number

Range = Mapping[str, object]
"""As in a study file: `{"log_uniform": [1e-4, 1e-2]}`."""

_RATE = re.compile(r".*(^|_)(lr|learning_?rate|step_?size|eta)(_.*)?")
_PENALTY = re.compile(r".*(weight_?decay|(^|_)wd|l1|l2|reg(ulari[sz]ation)?|lambda|penalty)(_.*)?")
_FRACTION = re.compile(
    r".*(dropout|drop|momentum|beta_?[12]?s?|betas|prob(ability)?|smoothing|ratio|fraction|frac|percent|rho|tau|gamma|ema|decay|(^|_)p)(_.*)?"
)
_SIZE = re.compile(
    r".*(batch|size|width|hidden|units|dims?|channels|filters|features|embed(ding)?s?|latents?|neurons|ff|d_model|nodes|bs)(_.*)?"
)
_STANDARD: tuple[tuple[re.Pattern[str], Range], ...] = (
    (_RATE, {"log_uniform": [1e-5, 1e-1]}),
    (_PENALTY, {"log_uniform": [1e-6, 1e-2]}),
    (re.compile(r".*(dropout|smoothing)(_.*)?"), {"uniform": [0.0, 0.5]}),
    (re.compile(r".*momentum(_.*)?"), {"uniform": [0.0, 0.99]}),
    (_SIZE, {"choice": [16, 32, 64, 128, 256]}),
)
"""Where there is no default to go by."""

FACTOR = 10.0
"""Learning rates and other positive numbers are searched so many times below and above their default."""


def range_of(option: Option) -> Range | None:
    """Returns what to search of an option, which holds its default where there is one; None where nothing is known.

    Rates, penalties and other positive numbers: a factor of 10 either side; sizes: powers of two up to a factor of 4
    either side; fractions such as dropout and momentum: uniform within [0, 1); other whole numbers: half to double;
    booleans and listed numbers: all.
    """
    name = option.name.rpartition(".")[2].lower().replace("-", "_")
    default = option.default
    if option.kind == "bool":
        return {"choice": [True, False]}
    if option.choices:
        return {"choice": list(option.choices)} if all(is_number(one) for one in option.choices) else None
    if option.kind == "text" and default is not UNKNOWN:
        return None
    if option.kind not in ("int", "float", "text"):
        return None
    if not isinstance(default, int | float) or isinstance(default, bool) or not is_number(default):
        return _standard(name)
    if option.kind == "int":
        return _of_int(name, int(default)) if default == int(default) else None
    return _of_float(name, float(default))


def _standard(name: str) -> Range | None:
    return next((known for pattern, known in _STANDARD if pattern.fullmatch(name)), None)


def _of_float(name: str, default: float) -> Range | None:
    if _RATE.fullmatch(name) or _PENALTY.fullmatch(name):
        return _around(default) if default > 0 else _standard(name) if default == 0 else None
    if 0 <= default < 1 and _FRACTION.fullmatch(name):
        if default > 0.99:
            return {"uniform": [0.9, 0.9999 if default <= 0.9999 else (1 + default) / 2]}
        low, high = (0.0, 0.5) if default <= 0.5 else (0.5, 0.99)
        return {"uniform": [low, high]}
    if default > 0:
        return _around(default)
    return {"uniform": [_rounded(2 * default), 0.0]} if default < 0 else None


def _around(default: float) -> Range:
    return {"log_uniform": [_rounded(default / FACTOR), _rounded(default * FACTOR)]}


def _of_int(name: str, default: int) -> Range | None:
    if default < 1:
        return None
    power = default & (default - 1) == 0
    if default >= 4 and (_SIZE.fullmatch(name) or (power and default >= 16)):
        middle = round(log2(default))
        sizes = {2**exponent for exponent in range(max(1, middle - 2), middle + 3)}
        return {"choice": sorted(sizes | {default})}
    low, high = max(1, default // 2), 2 * default
    return {"int": [low, high], "log": True} if default >= 100 else {"int": [low, high]}


def _rounded(value: float) -> float:
    """Returns a number with three digits, as a person would write it."""
    return float(f"{value:.3g}")
