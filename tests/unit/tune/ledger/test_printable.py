"""What is printed cannot act on a terminal, wherever it is printed from."""

import ast
import json
import logging
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.live import Live
from rich.table import Table
from rich.text import Text

import tune
from tune.ledger.log import log, logged
from tune.ledger.printable import printable, printable_line
from tune.views.console import Terminal

HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J\x9b1A\rall is well\u202egnp.exe\u2066\x7f\u200b\ud800[red]b[/red][link=http://x]c[/link]"
)
SOURCES = sorted(Path(next(iter(tune.__path__))).rglob("*.py"))


def harmless(text: str) -> bool:
    """Says whether nothing in a text acts on a terminal: only glyphs, line feeds and tabs."""
    return all(one.isprintable() or one in "\n\t" for one in text)


@given(st.text(st.characters(categories=None)))
def test_whatever_it_is_given_it_leaves_only_glyphs(text: str) -> None:
    """Any text becomes one that can be encoded and acts on nothing; one of glyphs alone stays as it is."""
    shown = printable(text)
    assert harmless(shown)
    shown.encode()
    assert printable(shown) == shown
    assert printable_line(text).isprintable()
    if text.isprintable():
        assert shown == text


def test_escapes_can_be_read() -> None:
    """What is taken out is written as Python writes it."""
    assert printable("a\x1b[31m\r\x9b\u202e\udc80\nb\tc\\") == "a\\x1b[31m\\r\\x9b\\u202e\\udc80\nb\tc\\"
    assert printable_line("a\nb\tc") == "a\\nb\\tc"
    assert printable(ValueError("x\x07")) == "x\\x07"


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_a_console_prints_no_markup_and_no_escapes(terminal: bool) -> None:
    """Lines, cells, headings and the live view: markup is shown as it stands, escapes are written out."""
    out = StringIO()
    console = Terminal(file=out, width=300, force_terminal=terminal, color_system=None)
    table = Table(title=HOSTILE)
    table.add_column(HOSTILE)
    table.add_row(HOSTILE, style="red")
    for one in (HOSTILE, Text(HOSTILE), table):
        console.print(one, highlight=False, soft_wrap=True)
    with Live(Text(HOSTILE), console=console, auto_refresh=False, transient=True) as live:
        live.refresh()
    shown = out.getvalue()
    if not terminal:  # on a terminal rich's own controls move the live view
        assert harmless(shown)
    for sign in ("\x1b]0;", "\x1b[2J", "\x9b", "\u202e", "\ud800", "\r" + "all"):
        assert sign not in shown
    assert shown.count("\\x1b]0;owned") >= 5
    assert shown.count("[red]b[/red][link=http://x]c[/link]") >= 3  # a cell may be cut off where its text ends


def test_a_log_takes_no_escapes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its messages nor its tracebacks, nor what Ray logs, nor what logging prints where no log is open."""
    monkeypatch.setattr(log, "propagate", False)  # pytest's own record of it could not leave a worker of xdist
    log.warning("before: %s", HOSTILE.encode(errors="surrogatepass").decode(errors="replace"))
    with logged(tmp_path / "log"):
        log.error("%s", HOSTILE, exc_info=ValueError(HOSTILE))
        theirs = logging.makeLogRecord({"msg": HOSTILE, "levelno": logging.ERROR, "levelname": "ERROR"})
        log.handlers[-1].handle(theirs)
    text = (tmp_path / "log").read_text()
    assert harmless(text)
    assert text.count("\\x1b]0;owned") == 3
    said = capfd.readouterr().err
    assert harmless(said)


def _is_neutral(value: ast.expr) -> bool:
    """Says whether an expression is a constant, JSON in ASCII, or came through `printable`."""
    if isinstance(value, ast.BinOp):
        return _is_neutral(value.left) and _is_neutral(value.right)
    if isinstance(value, ast.Call):
        if isinstance(value.func, ast.Attribute) and value.func.attr == "encode":
            return _is_neutral(value.func.value)
        name = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
        return name in ("printable", "printable_line", "dumps")
    return isinstance(value, ast.Constant)


@pytest.mark.parametrize("source", SOURCES, ids=[str(one.relative_to(SOURCES[0].parent)) for one in SOURCES])
def test_every_edge_goes_through_it(source: Path) -> None:
    """Whoever prints, or writes to standard error, neutralises; a console is always ours."""
    for node in ast.walk(ast.parse(source.read_text())):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        where = f"{source}:{node.lineno}: {ast.unparse(node)}"
        if called in ("print", "sys.stderr.write", "sys.stdout.write"):
            assert all(map(_is_neutral, node.args)), where
        elif called == "os.write":
            assert _is_neutral(node.args[1]), where
        assert called not in ("Console", "traceback.print_exc", "warnings.warn"), where


def test_json_is_ascii() -> None:
    """What is printed as JSON needs no escape of ours but of DEL, which no terminal acts on."""
    assert json.dumps(HOSTILE).replace("\x7f", "").isprintable()
