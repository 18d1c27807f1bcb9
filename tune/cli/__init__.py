"""The command line: `parser` parses; each command is a module of its name with a `main`, which it calls.

A module each, so that `status` need not wait for what only `run` imports.
"""

from tune.cli.parser import main

__all__ = ["main"]
