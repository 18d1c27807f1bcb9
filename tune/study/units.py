"""Sizes and durations as people write them: `500MB`, `1.5GiB`; `90s`, `1h 30min`."""

import re
from typing import Any

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?", re.IGNORECASE)
_POWERS = {"k": 1, "m": 2, "g": 3, "t": 4}
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)\s*(d|h|min|s))")
_SECONDS = {"d": 86400.0, "h": 3600.0, "min": 60.0, "s": 1.0}


def parse_size(value: Any) -> Any:
    """Returns bytes for `500MB`, `2 GB` (powers of 1000) or `1.5GiB` (powers of 1024); other values as they are."""
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value.strip())
    if match is None:
        raise ValueError(f"a size is written like 500MB, 2GB or 1.5GiB, or is a number of bytes, got {value!r}")
    unit = (match[2] or "").lower()
    base = 1024 if unit.endswith("i") else 1000
    return int(float(match[1]) * base ** _POWERS.get(unit[:1], 0))


def show_size(size: float) -> str:
    """Returns bytes with their unit, three digits, in powers of 1000: `1.25 GB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def parse_duration(value: Any) -> Any:
    """Returns seconds for `30min`, `1h 30min`, `90s`, `2d` or a number of seconds; other values as they are."""
    if not isinstance(value, str):
        return value
    parts = _DURATION.findall(value)
    if not parts or _DURATION.sub("", value).strip():
        raise ValueError(f"a duration is written like 90s, 30min, 2h or 1h 30min, got {value!r}")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)
