"""What the end of a program means."""

import re
import signal
from collections.abc import Collection, Sequence
from pathlib import Path

from tune.adapters.program.epochs import Epochs
from tune.adapters.program.metrics.row import Naming
from tune.errors import ProgramFailed, ProgramOutOfMemory, TrainerMistake

_NO_MEMORY = re.compile(r"\b(?:MemoryError|_ArrayMemoryError|bad_alloc)\b")
_SIGNALLED = 128


def failure(code: int, last_lines: Sequence[str], seeds: Sequence[int], log: Path | None) -> ProgramFailed:
    """Returns what an exit code says; the first line is the same for all that die of one cause.

    Args:
        code: Not 0; 128 + n after signal n.
        last_lines: Of the output.
        seeds: Which it trained.
        log: Where all of its output is.
    """
    last = last_lines[-1] if last_lines else "it wrote nothing"
    which = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {', '.join(map(str, seeds))}"
    where = "" if log is None else f", all of it in {log}"
    text = "\n".join([f"{_in_words(code)}: {last}", f"{which}; the end of its output{where}:", *last_lines])
    return (ProgramOutOfMemory if _NO_MEMORY.search(last) else ProgramFailed)(text)


def refuse_ending(epochs: Collection[Epochs], place: str, naming: Naming, last_lines: Sequence[str]) -> None:
    """Raises TrainerMistake if a program that ended well has not told all that it was to tell."""
    said = f"its output ends with {last_lines[-1]!r}" if last_lines else "it wrote nothing"
    if not all(one.told for one in epochs):
        raise TrainerMistake(f"the program ended and told no metric: nothing was found in {place}; {said}")
    refuse_unseen(naming)
    for one in epochs:
        if one.known < one.to:
            raise TrainerMistake(
                f"the program ended after epoch {one.latest} of {one.to}; it must train up to the epoch that "
                f"{{epochs}} says without stopping early, and tell each of them; {said}"
            )


def refuse_unseen(naming: Naming) -> None:
    """Raises TrainerMistake if a metric that is asked for was never told, which nothing else would say."""
    if unseen := naming.unseen():
        raise TrainerMistake("; ".join(unseen))


def refuse_too_many(epochs: Epochs) -> None:
    """Raises TrainerMistake if a program that is told `{epochs}` trains on after it."""
    if epochs.latest > epochs.to + 1:
        raise TrainerMistake(
            f"the program was to train up to epoch {epochs.to}, and told epoch {epochs.latest}; have it obey "
            "{epochs}, the number of all epochs, or leave that out: then it is ended in time"
        )


def _in_words(code: int) -> str:
    try:
        return f"exit code {code} ({signal.Signals(code - _SIGNALLED).name})"
    except ValueError:
        return f"exit code {code}"
