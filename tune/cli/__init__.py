"""The doors: the command line (`parser`, `commands/`), the Python API (`api/`), and what both do (`session/`).

`parser` parses; each command is a module of its name in `commands/` with a `main`, which it calls. A module each, so
that `status` need not wait for what only `run` imports.
"""

from tune.cli.parser import main

__all__ = ["main"]
