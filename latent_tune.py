"""Hyperparameter search that can be trusted, from Python: `import latent_tune` (docs/python.md).

    study = latent_tune.Study.read("study.yaml")
    result = latent_tune.run(study)
    result.best, result.trials(), result.plot("seeds")

Nothing heavy is imported before a name is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tune.adapters.keras import keras
    from tune.adapters.lightning import lightning
    from tune.adapters.program.reporting import report
    from tune.adapters.sklearn import sklearn
    from tune.adapters.transformers import transformers
    from tune.cli.api.check import check
    from tune.cli.api.comparison import Compared, compare
    from tune.cli.api.loop import ask_tell
    from tune.cli.api.result import Best, Result
    from tune.cli.api.simulation import simulate
    from tune.cli.api.studies import export, studies
    from tune.cli.api.study import Study
    from tune.cli.api.training import evaluate, resume, run
    from tune.drivers.ask_tell import AskedWork
    from tune.errors import (
        DiskFull,
        FileMistakes,
        Interrupted,
        LatentTuneError,
        NoGo,
        StudyStopped,
        UserMistake,
    )

_WHERE = {
    "AskedWork": "tune.drivers.ask_tell:AskedWork",
    "Best": "tune.cli.api.result:Best",
    "Compared": "tune.cli.api.comparison:Compared",
    "DiskFull": "tune.errors:DiskFull",
    "FileMistakes": "tune.errors:FileMistakes",
    "Interrupted": "tune.errors:Interrupted",
    "LatentTuneError": "tune.errors:LatentTuneError",
    "NoGo": "tune.errors:NoGo",
    "Result": "tune.cli.api.result:Result",
    "Study": "tune.cli.api.study:Study",
    "StudyStopped": "tune.errors:StudyStopped",
    "UserMistake": "tune.errors:UserMistake",
    "ask_tell": "tune.cli.api.loop:ask_tell",
    "check": "tune.cli.api.check:check",
    "compare": "tune.cli.api.comparison:compare",
    "evaluate": "tune.cli.api.training:evaluate",
    "export": "tune.cli.api.studies:export",
    "keras": "tune.adapters.keras:keras",
    "lightning": "tune.adapters.lightning:lightning",
    "open": "tune.cli.api.training:open_",
    "report": "tune.adapters.program.reporting:report",
    "resume": "tune.cli.api.training:resume",
    "run": "tune.cli.api.training:run",
    "simulate": "tune.cli.api.simulation:simulate",
    "sklearn": "tune.adapters.sklearn:sklearn",
    "studies": "tune.cli.api.studies:studies",
    "transformers": "tune.adapters.transformers:transformers",
}

__all__ = [
    "AskedWork",
    "Best",
    "Compared",
    "DiskFull",
    "FileMistakes",
    "Interrupted",
    "LatentTuneError",
    "NoGo",
    "Result",
    "Study",
    "StudyStopped",
    "UserMistake",
    "ask_tell",
    "check",
    "compare",
    "evaluate",
    "export",
    "keras",
    "lightning",
    "open",
    "report",
    "resume",
    "run",
    "simulate",
    "sklearn",
    "studies",
    "transformers",
]


def __getattr__(name: str) -> Any:
    """Imports what is named, the first time that it is used."""
    if name not in _WHERE:
        raise AttributeError(f"module 'latent_tune' has no '{name}'; it has {', '.join(_WHERE)}")
    module, _, attribute = _WHERE[name].partition(":")
    found = globals()[name] = getattr(import_module(module), attribute)
    return found


def __dir__() -> list[str]:
    """Returns the names that there are, whether imported or not."""
    return sorted([*globals(), *_WHERE])
