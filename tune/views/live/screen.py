"""The live view as lines: what is shown of a study, made to fit the terminal."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.segment import Segment
from rich.text import Text

from tune.ledger.records import STATES, Decision, State
from tune.study.ladder import Rung
from tune.study.units import show_size
from tune.views import wording
from tune.views.live.load import Load
from tune.views.live.snapshot import Snapshot
from tune.views.live.strip import Span, ruler, strip

_LABEL = 10
_WIDEST = 160
_WITH_SETTINGS = 100  # columns; from here on each row of the leaderboard has its setting
_LEADERS = 10
_NEWEST = 6


class Lines:
    """Lines that were drawn before, to be shown again as they are."""

    def __init__(self, lines: Sequence[Sequence[Segment]]) -> None:
        self._lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self._lines:
            yield from line
            yield Segment.line()


def title(shown: Snapshot, elapsed_s: float, since_s: float | None, width: int) -> Text:
    """Returns the first line: which study, how long it has taken and how much longer it takes.

    Args:
        shown: The study.
        elapsed_s: Seconds for which it was worked on.
        since_s: Seconds since the snapshot was taken; None: the study is stopping.
        width: In characters.
    """
    share = f"{100 * shown.share:.0f}%  " if shown.rate is not None else ""
    left = ", time left unknown"
    if since_s is None:
        share, left = "stopping: saving what trains  " + share, ""
    elif shown.left_s is not None:
        low, high = (wording.clock_time(max(0.0, one - since_s)) for one in shown.left_s)
        left = f", about {low} left" if low == high else f", {low} to {high} left"
    text = Text.assemble((shown.study.name, "bold"), f"  {share}{wording.clock_time(elapsed_s)} elapsed{left}")
    text.truncate(width)
    return text


@dataclass(frozen=True)
class Moment:
    """What changes between two snapshots.

    Attributes:
        counts: How many trials are in each state.
        training: The trials in training.
        load: What slots and GPUs do.
        elapsed_s: Seconds for which the study was worked on.
    """

    counts: Counter[State]
    training: frozenset[int]
    load: Load
    elapsed_s: float


def draw(shown: Snapshot, moment: Moment, console: Console) -> Lines:
    """Returns everything below the first line, drawn for the console as wide and high as it is now.

    What a low window has no room for is left out: first the older decisions, then the last of the leaderboard, then
    what is said of the study as a whole.

    Args:
        shown: The study.
        moment: What it does now.
        console: Where it is to be shown.
    """
    options = console.options
    width, height = min(_WIDEST, options.max_width), max(1, console.size.height - 2)
    facts = _facts(shown, moment, width)[:height]
    room = height - len(facts)
    news = [_news(decision, width) for decision in shown.newest]
    for_news = 1 + min(len(news), _NEWEST, room // 3)
    board = _board(shown, width, min(_LEADERS, room - for_news - 2), options.ascii_only)
    told = min(len(news), _NEWEST, room - len(board) - 1)
    lines = [*facts, *board, *([Text(), *news[-told:]] if told > 0 else [])]
    drawn: list[list[Segment]] = []
    for line in lines:
        drawn += console.render_lines(line, options.update(width=width, height=None), pad=False)
    return Lines([[_ascii(part) for part in line] for line in drawn] if options.ascii_only else drawn)


def _facts(shown: Snapshot, moment: Moment, width: int) -> list[RenderableType]:
    """Returns a line for each thing said of the study as a whole, the most important first."""
    study, counts = shown.study, moment.counts
    states = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    rate = "" if shown.rate is None else f", {shown.rate:.3g} seed-epochs/s"
    redone = f" ({shown.redone:,} trained again)" if shown.redone else ""
    rows = [
        ("trials", f"{counts.total()} of {study.trials}: {states or 'none yet'}"),
        ("best", _best(shown)),
        ("rungs", _rungs(study.rungs, shown.reached)),
        ("trained", f"{shown.spent:,} seed-epochs{redone}{rate}"),
        ("budget", _budget(shown, moment.elapsed_s)),
        ("slots", _slots(sorted(moment.training), moment.load.slots)),
        ("GPUs", _gpus(moment.load)),
    ]
    bar = ProgressBar(total=1.0, completed=shown.share, width=width, complete_style="green")
    lines: list[RenderableType] = [bar]
    for label, text in rows:
        if text:
            lines.append(_cut(Text.assemble((label.ljust(_LABEL), "bold"), text), width))
    return lines


def _best(shown: Snapshot) -> str:
    best = shown.best
    if best is None:
        return "none yet: no trial has reached a rung"
    sure = "confirmed" if best.state == "confirmed" else "provisional"
    parameters = wording.setting_of(shown.study, best.trial)
    return f"trial {best.number}, {sure}: {wording.setting(parameters)}"


def _rungs(rungs: Sequence[Rung], reached: Sequence[int]) -> str:
    """Returns how many trials reached each rung."""
    steps = [f"{rung.epochs} x {rung.seeds}: {count}" for rung, count in zip(rungs, reached, strict=True)]
    return f"{',  '.join(steps)}   (epochs x seeds: trials)"


def _budget(shown: Snapshot, elapsed_s: float) -> str:
    """Returns how much of each limit is used; nothing where there is none."""
    budget, used = shown.study.budget, []
    if budget.seed_epochs is not None:
        used.append(f"{shown.spent:,} of {budget.seed_epochs:,} seed-epochs")
    if budget.wall_clock is not None:
        used.append(f"{wording.clock_time(elapsed_s)} of {wording.clock_time(budget.wall_clock)}")
    if budget.gpu_hours is not None:
        used.append(f"{shown.gpu_hours:.3g} of {budget.gpu_hours:,g} GPU-hours")
    if budget.money is not None and shown.money is not None:
        used.append(wording.money(shown.money, budget.money))
    return ",  ".join(used)


def _slots(numbers: Sequence[int], slots: int | None) -> str:
    busy = f"{len(numbers)} busy" if slots is None else f"{len(numbers)} of {max(slots, len(numbers))} busy"
    which = f": trial{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}" if numbers else ""
    return busy + which


def _gpus(load: Load) -> str:
    """Returns how many GPUs are held, and what those of this machine do; nothing where none is known of."""
    parts = []
    if load.gpus is not None:
        total, held = load.gpus
        parts.append(f"{held:g} of {total:g} held")
    here = [f"{100 * load.utilisation:.0f}% busy"] if load.utilisation is not None else []
    if load.used_bytes is not None and load.total_bytes is not None:
        here.append(f"{show_size(load.used_bytes)} of {show_size(load.total_bytes)} in use")
    return "; here: ".join(
        [*parts, ", ".join(here)] if parts and here else [*parts, *([", ".join(here)] if here else [])]
    )


def _board(shown: Snapshot, width: int, most: int, ascii_only: bool) -> list[RenderableType]:
    """Returns the leaderboard: a heading and a row for each trial, their strips on one scale."""
    leaders = shown.leaders[: max(0, most)]
    if not leaders:
        return []
    span = Span.of([one.losses.values() for one in leaders], shown.scale)
    head = f"{'trial':>5}  {'rung':>4}  {'score':>8}  {'failed':>6}  "
    names = wording.columns(shown.study) if width >= _WITH_SETTINGS else ()
    room = max(10, (width - len(head)) * (3 if names else 5) // 5)
    bar = "|" if ascii_only else "│"
    legend = shown.study.score.metric + (f", {bar} baseline" if shown.scale.baseline is not None else "")
    heading = Text.assemble((head, "bold"), ruler(span, legend, room))
    if names:
        heading.append(f"  {', '.join(names)}", "bold")
    lines: list[RenderableType] = [Text(), _cut(heading, width)]
    top = len(shown.reached) - 1
    for one in leaders:
        assert one.summary is not None
        failed = f"{one.summary.failed}/{one.summary.seeds}"
        rung = "top" if one.rung == top else str(one.rung)
        style = "bold" if one is leaders[0] else ""
        row = Text.assemble(
            (f"{one.number:>5}  {rung:>4}  {one.score:>8.4g}  ", style),
            (f"{failed:>6}  ", "red" if one.summary.failed else style),
            strip(list(one.losses.values()), shown.scale, span, room, ascii_only=ascii_only),
        )
        if names:
            values = wording.setting_of(shown.study, one.trial)
            row.append(f"  {', '.join(wording.parameter(values, name) for name in names)}", "dim")
        lines.append(_cut(row, width))
    return lines


def _news(decision: Decision, width: int) -> Text:
    bad = is_death(decision) or decision.kind == "fail"
    return _cut(
        Text.assemble((f"{wording.time_of_day(decision.time)}  ", "dim"), (said(decision), "red" if bad else "")), width
    )


def _ascii(part: Segment) -> Segment:
    return part._replace(text=part.text.encode("ascii", "replace").decode())


def _cut(line: Text, width: int) -> Text:
    """Has a line be one line, cut off where the terminal ends."""
    line.no_wrap = True
    line.truncate(width, overflow="ellipsis")
    return line


def said(decision: Decision) -> str:
    """Returns a decision in one line."""
    if decision.kind == "round":
        return decision.reason
    if decision.kind == "start":
        setting = wording.setting(decision.detail["parameters"])
        return f"trial {decision.trial} started: {setting} ({decision.reason})"
    failed = decision.kind == "fail" and not decision.detail.get("seeds")
    verb = "died: " if is_death(decision) else "failed: " if failed else ""
    return f"trial {decision.trial} {verb}{decision.reason}"


def is_death(decision: Decision) -> bool:
    """Says whether a decision tells of a unit of work that died."""
    return decision.kind == "attempt" and bool(decision.detail.get("died", True))
