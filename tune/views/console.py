"""The terminal as all views see it: what is printed there cannot act on it."""

from collections.abc import Iterable
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from tune.ledger.printable import printable


class Terminal(Console):
    """Rich's console without markup, on which text from elsewhere is shown as `tune.ledger.printable.printable` has it.

    Args:
        **given: As for `rich.console.Console`.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__(markup=False, emoji=False, **given)

    def on_broken_pipe(self) -> None:
        """Has the command end as it does wherever its reader has left; rich would end the process with an error."""
        raise BrokenPipeError

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yields what is to be printed; rich's own controls pass, those in a text do not."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))


def plain_table(title: str, gap: int = 1) -> Table:
    """Returns an empty table without lines between columns."""
    heading = Text(title, style="bold")
    return Table(box=box.SIMPLE_HEAD, title=heading, title_justify="left", padding=(0, gap, 0, 0), show_edge=False)
