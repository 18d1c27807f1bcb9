"""Where modules of the user's are found, and what is left alone for them."""

import sys
from pathlib import Path

import pytest

from tune.study.user_code import import_module


def test_in_a_checkout_our_own_modules_are_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """There the working folder's `tune` is ours: loaded twice, its classes would be strangers to each other."""
    monkeypatch.chdir(Path(__file__).parents[4])
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "tune"}
    import_module("latent_tune")
    assert {name: sys.modules.get(name) for name in before} == before
