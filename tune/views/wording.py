"""How numbers, times and parameters are written, the same in the terminal, in TensorBoard and in the report."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import floor, isfinite, isnan, log10
from typing import Any

from tune.ledger.loss_scale import LossScale
from tune.ledger.printable import printable_line
from tune.ledger.records import Trial
from tune.study.sections import ScoreRule
from tune.study.study import Study
from tune.study.values import is_plain, text_of

UNKNOWN = "\N{EN DASH}"
_MOST_DECIMALS = 8


def number(value: float | None, digits: int = 4) -> str:
    """Returns a number with so many significant digits; a dash where there is none."""
    if value is None or isnan(value):
        return UNKNOWN
    return f"{value:.{digits}g}" if isfinite(value) else "inf"


def fixed(value: float, digits: int = 2) -> str:
    """Returns a number with so many decimals; a dash where there is none."""
    return f"{value:.{digits}f}" if isfinite(value) else UNKNOWN


def percent(fraction: float, digits: int = 1) -> str:
    """Returns a fraction as a percentage; a dash where there is none."""
    return f"{100 * fraction:.{digits}f}%" if isfinite(fraction) else UNKNOWN


def gain(value: float, scale: LossScale) -> str:
    """Returns how much better a value is than the baseline: as a share of it, where that means something."""
    return percent(scale.improvement(value)) if scale.is_ratio else signed(scale.gain(value))


def signed(value: float) -> str:
    """Returns a difference with its sign; a dash where there is none."""
    return f"{value:+.4g}" if isfinite(value) else UNKNOWN


def better(rule: ScoreRule) -> str:
    """Returns which values of the scored metric are better."""
    return "higher is better" if rule.maximize else "lower is better"


def best_first(rule: ScoreRule) -> str:
    """Returns which values of the scored metric come first in order."""
    return "highest" if rule.maximize else "lowest"


def baseline_owner(rule: ScoreRule) -> str:
    """Returns whose the value is that a run must beat; a trainer that tells a loss tells that of a constant model."""
    return "baseline" if rule.maximize or rule.baseline is not None else "constant model"


def baseline_name(rule: ScoreRule) -> str:
    """Returns what the value is called that a run must beat."""
    owner = baseline_owner(rule)
    return owner if owner == "baseline" else f"{owner}'s loss"


def interval(bounds: tuple[float, float]) -> str:
    """Returns the interval of a proportion in whole percent."""
    return f"{100 * bounds[0]:.0f} to {100 * bounds[1]:.0f}%"


def spread(mean: float, sd: float, join: str = " ± ") -> str:
    """Returns mean ± sd, both to the second significant digit of the sd."""
    if not (isfinite(mean) and isfinite(sd)) or sd <= 0:
        return number(mean)
    decimals = max(0, 1 - floor(log10(sd)))
    if decimals > _MOST_DECIMALS:
        return f"{mean:.4g}{join}{sd:.2g}"
    return f"{mean:.{decimals}f}{join}{sd:.{decimals}f}"


def duration(length_s: float) -> str:
    """Returns a duration in its two leading units."""
    if not isfinite(length_s):
        return UNKNOWN
    if length_s < 10:
        return f"{length_s:.2g} s"
    whole = round(length_s)
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours:02d} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {whole % 60:02d} s" if minutes else f"{whole} s"


def clock_time(length_s: float) -> str:
    """Returns a duration as hours, minutes and seconds: `1:02:03`."""
    return str(timedelta(seconds=round(length_s)))


def time_of_day(moment: float) -> str:
    """Returns a moment, in seconds since the epoch, as this machine's time of day."""
    return datetime.fromtimestamp(moment, tz=UTC).astimezone().strftime("%H:%M:%S")


def gpu_hours(used: float, budget: float | None = None) -> str:
    """Returns `3.25 GPU-hours`, with a budget `3.25 of 24 GPU-hours`."""
    shown = f"{used:,.0f}" if used >= 100 else number(used, 3)
    return f"{shown}{'' if budget is None else f' of {budget:,g}'} GPU-hours"


def money(used: float, budget: float | None = None) -> str:
    """Returns `5.25 in money`, with a budget `5.25 of 10.00 in money`: nobody said of which currency."""
    return f"{used:,.2f}{'' if budget is None else f' of {budget:,.2f}'} in money"


def seconds(given: float) -> str:
    """Returns seconds for a column: three digits, and never in powers of ten."""
    return f"{given:.0f}" if isfinite(given) and given >= 100 else number(given, 3)


def value(given: Any, digits: int = 3) -> str:
    """Returns a parameter's value as it is written in a study file, floats with so many significant digits."""
    if given is None or isinstance(given, bool):
        return {None: "null", True: "true", False: "false"}[given]
    if not is_plain(given):
        return printable_line(text_of(given))
    return f"{given:.{digits}g}" if isinstance(given, float) else printable_line(given)


def parameter(parameters: Mapping[str, Any], name: str) -> str:
    """Returns the value of a trial's parameter; a dash where its condition does not hold, so there is none."""
    return value(parameters[name]) if name in parameters else UNKNOWN


def in_table(parameters: Mapping[str, Any], name: str) -> str:
    """Returns the same for a cell of a wide table, in which long names of arms may be broken after their commas."""
    return parameter(parameters, name).replace(",", ", ") if name == "arm" else parameter(parameters, name)


def chosen(names: Iterable[str], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Returns those of some parameters that a trial has."""
    return {name: parameters[name] for name in names if name in parameters}


def columns(study: Study) -> tuple[str, ...]:
    """Returns the columns that tell trials apart: the parameters that vary, of a plan the arm before them.

    Epochs that a plan's arms are planned for are those that they train, which every table has in a column of its own.
    """
    if not study.plan:
        return tuple(study.varying)
    return ("arm", *(name for name in study.varying if name != "epochs"))


def setting_of(study: Study, trial: Trial) -> dict[str, Any]:
    """Returns what tells a trial from others: the parameters that vary, of a plan its arm before them."""
    return {**({"arm": trial.full_name} if trial.arm else {}), **chosen(study.varying, trial.parameters)}


def about_cv(scale: LossScale) -> str:
    """Returns what a CV is a share of, where that is not the mean itself; "" where it is."""
    if scale.is_ratio:
        return ""
    return "CV: sd as a share of the mean's distance from a zero that the study's own values place (docs/search.md)."


def called(trial: Trial, width: int | None = None) -> str:
    """Returns what a trial is called: of a plan by its arm; one that is wider than asked is cut, and numbered."""
    if not trial.arm:
        return f"trial {trial.number}"
    name = printable_line(trial.full_name)
    if width is None or len(name) <= width:
        return name
    number = f"… (trial {trial.number})"
    return f"{name[: width - len(number)]}{number}"


def setting_and_arm(study: Study, trial: Trial) -> str:
    """Returns what tells a trial from others in one line, of a plan its arm after it."""
    said = setting(chosen(study.varying, trial.parameters))
    return f"{said} (arm {printable_line(trial.full_name)})" if trial.arm else said


def folded(name: str, width: int) -> str:
    """Returns the name of an arm on lines of so many characters where it can be broken: after commas and slashes."""
    lines = [""]
    for part in re.findall(r"[^,/]+[,/]?|[,/]", name):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append(part)
        else:
            lines[-1] += part
    return "\n".join(lines)


def setting(parameters: Mapping[str, Any]) -> str:
    """Returns parameters in one line: `learning_rate 0.001, batch_size 64`."""
    return ", ".join(f"{printable_line(name)} {value(given)}" for name, given in parameters.items())


def count(number_of: int, noun: str) -> str:
    """Returns `1 seed`, `3 seeds`, `1,200 seed-epochs`."""
    return f"{number_of:,} {noun}{'' if number_of == 1 else 's'}"


def seeds(chosen: Sequence[int]) -> str:
    """Returns `seed 12`, `seeds 12 and 1234`."""
    return f"seed{'' if len(chosen) == 1 else 's'} {listed([str(seed) for seed in chosen])}"


def listed(items: list[str]) -> str:
    """Returns `a`, `a and b`, `a, b and c`."""
    return " and ".join(part for part in (", ".join(items[:-1]), items[-1]) if part) if items else ""


def plain(given: Any) -> Any:
    """Returns what JSON can hold: numbers that are not finite become None, in whatever they stand."""
    if isinstance(given, Mapping):
        return {str(key): plain(item) for key, item in given.items()}
    if isinstance(given, list | tuple):
        return [plain(item) for item in given]
    return None if isinstance(given, float) and not isfinite(given) else given
