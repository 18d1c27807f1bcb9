"""From the data of a report to its pages: Jinja2 templates that lay out and compute nothing."""

import base64
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Undefined
from markupsafe import Markup

from tune.ledger.printable import printable
from tune.views.report.blocks import Report
from tune.views.report.figures.interactive import panels_of, plotly_script
from tune.views.report.markdown import code_block, escape, table
from tune.views.report.marks import PALETTE, legend


class _Lines(str):
    """Markdown that is finished: it is not escaped again."""

    __slots__ = ()


def as_markdown(report: Report, *, linked: bool = True) -> str:
    """Returns the report as Markdown.

    Args:
        report: What it says.
        linked: Whether its figures are links to `figures/`; else only their data is there.
    """
    return str(_markdown().get_template("report.md.jinja").render(report=report, linked=linked))


def as_html(report: Report, pictures: Mapping[str, bytes]) -> str:
    """Returns the report as one page that needs nothing beside itself.

    Args:
        report: What it says.
        pictures: Its figures as PNG by file, for paper and for readers without scripts.
    """
    template = _html().get_template("report.html.jinja")
    return str(
        template.render(
            report=report,
            pictures={
                file: f"data:image/png;base64,{base64.b64encode(data).decode()}" for file, data in pictures.items()
            },
            palette=PALETTE,
            plotly=Markup(plotly_script() if report.figures else ""),  # noqa: S704 - a file of the library's
        )
    )


@cache
def _markdown() -> Environment:
    """Returns templates in which every value is escaped for Markdown unless a filter has made lines of it."""

    def finish(value: Any) -> str:
        return value if isinstance(value, _Lines) else escape(str(value))

    environment = _environment(autoescape=False, finalize=finish)
    environment.filters["table"] = lambda one: _Lines("\n".join(table(one.headings, one.rows, one.left)))
    environment.filters["code"] = lambda one: _Lines("\n".join(code_block(one.text, one.language)))
    return environment


@cache
def _html() -> Environment:
    environment = _environment(autoescape=True, finalize=lambda value: value if _is_page(value) else printable(value))
    environment.filters["panels"] = lambda figure: [Markup(one) for one in panels_of(figure)]  # noqa: S704 - made safe there
    environment.filters["legend"] = lambda figure: legend(figure.panels)
    environment.filters["breakable"] = lambda text: Markup("_<wbr>").join(printable(text).split("_"))  # join escapes
    return environment


def _is_page(value: Any) -> bool:
    """Says whether a value is HTML that was made safe, or one that Jinja has yet to lay out."""
    return isinstance(value, Markup | Undefined)


def _environment(**given: Any) -> Environment:
    return Environment(  # noqa: S701 - one of the two is Markdown, with an escape of its own
        loader=PackageLoader("tune.views.report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **given,
    )
