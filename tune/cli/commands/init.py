"""`latent-tune init`."""

import argparse
import os
import shlex
from pathlib import Path

from tune.cli.init.script import Request, Written, study_of_script
from tune.cli.init.template_files import template_texts
from tune.errors import UserMistake
from tune.ledger.printable import printable
from tune.study.study import NAME

_OF_SCRIPTS = ("config", "metrics", "subcommand", "help_run")


def main(options: argparse.Namespace) -> None:
    """Writes a study file, for a template its training too, and says what to do next.

    Raises:
        UserMistake: If the program cannot be read, a name cannot be one, or a file is there already.
    """
    out, name = _out_and_name(options)
    if options.source == "script":
        _write_script(options, out, name)
    else:
        _write_template(options, out, name)


def _write_script(options: argparse.Namespace, out: Path, name: str) -> None:
    if options.path is None:
        raise UserMistake("init --from script: give the program that trains, such as: init --from script train.py")
    request = Request(
        options.path, out, name, options.config, options.metrics, options.subcommand, help_run=options.help_run
    )
    if any(
        path is not None and path.exists() and out.exists() and path.samefile(out)
        for path in (options.path, options.config)
    ):
        raise UserMistake(f"{out}: is what the study is made from, and is not overwritten; give another --out")
    written = study_of_script(request)
    _write({out: written.text}, force=options.force)
    _say_next(written, out)


def _write_template(options: argparse.Namespace, out: Path, name: str) -> None:
    given = [f"--{key.replace('_', '-')}" for key in _OF_SCRIPTS if getattr(options, key)]
    if options.path is not None or given:
        what = options.path if options.path is not None else given[0]
        raise UserMistake(
            f"init --from {options.source}: {what} is for --from script; a template needs no program, leave it out"
        )
    files = template_texts(options.source, name, out)
    _write(files, force=options.force)
    for path in files:
        print(printable(f"wrote {path}"))
    print(printable(_commands(out)))


def _out_and_name(options: argparse.Namespace) -> tuple[Path, str]:
    """Returns the study file and the name of its study, both checked."""
    stem = options.path.stem if options.path is not None else f"digits-{options.source}"
    stem = options.out.stem if options.out is not None and options.name is None else stem
    name = options.name or stem.lower().replace("_", "-").replace(" ", "-").replace(".", "-")
    if not NAME.fullmatch(name):
        where = "--name" if options.name else f"the name made of {stem!r}"
        raise UserMistake(
            f"{where}: {name!r} cannot be the name of a study: a-z, 0-9 and '-' are allowed, a letter or digit first, "
            "at most 63; give one with --name"
        )
    beside = options.path.parent if options.path is not None else Path()
    out = options.out or beside / f"{name}.yaml"
    if out.suffix not in (".yaml", ".yml"):
        raise UserMistake(f"--out {out}: a study file ends in .yaml")
    return out, name


def _write(files: dict[Path, str], *, force: bool) -> None:
    """Writes files, all or none.

    Raises:
        UserMistake: If one is there and may not be overwritten, or cannot be written.
    """
    there = [path for path in files if path.exists() or path.is_symlink()]
    if there and not force:
        raise UserMistake(f"{there[0]}: is there already; --force overwrites it, --out FILE writes elsewhere")
    for path, text in files.items():
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            beside.write_text(text, encoding="utf-8")
            beside.replace(path)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise UserMistake(
                f"{path}: cannot be written: {error.strerror}; give --out FILE in a folder that can"
            ) from error


def _say_next(written: Written, out: Path) -> None:
    draft, metrics = written.draft, written.program.metrics
    searched = [one.name for one in draft.candidates if not one.instead]
    print(printable(f"wrote {out}, read from {written.program.name} ({written.style})"))
    print(printable(f"  searched: {', '.join(searched) or 'nothing yet'}"))
    how = (
        "latent_tune.report"
        if metrics.value is None
        else " ".join(f"{key} {value}" for key, value in metrics.value.items())
    )
    if metrics.seen:
        print(printable(f"  metrics: {how}; scored: {metrics.metric}"))
    missing = list(draft.missing)
    if not metrics.seen:
        missing.append("how metrics are read (--metrics lines|jsonl|csv|tensorboard|report writes the one you choose)")
    elif not metrics.named:
        missing.append("score.metric, the name of the metric that is scored")
    if not searched:
        missing.append("space, what is searched")
    for line in missing:
        print(printable(f"  to complete: {line}"))
    for line in draft.notes:
        print(printable(f"  note: {line}"))
    print(printable(_commands(out)))


def _commands(out: Path) -> str:
    file = shlex.quote(str(out))
    plan = f"  latent-tune run {file} --dry-run    # what it is going to do"
    return f"read it through, then\n{plan}\n  latent-tune run {file}"
