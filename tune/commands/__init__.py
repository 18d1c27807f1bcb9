"""What the commands do, a module each with a `main`; `tune.cli` parses, and calls the one that was asked for.

A module each, so that `status` need not wait for what only `run` imports.
"""
