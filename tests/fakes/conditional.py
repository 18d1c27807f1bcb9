"""A space with all that a space can have, and trials of it that are played in no time."""

from collections.abc import Callable, Mapping
from typing import Any

from tune.ledger.loss_scale import LossScale
from tune.ledger.records import Reached, Trial
from tune.optimizer.feasible import suggest_feasible
from tune.optimizer.observations import Observations
from tune.study.study import Study

SPACE: dict[str, Any] = {
    "warmup": {"uniform": [0, 0.5], "step": 0.1, "when": {"schedule": ["cosine", "linear"]}},
    "schedule": {"choice": ["constant", "cosine", "linear"]},
    "cycles": {"int": [1, 4], "when": {"schedule": "cosine", "warmup": [0.1, 0.2, 0.3]}},
    "lr": {"log_uniform": [1e-5, 1e-1], "prior": 1e-3},
    "width": {"int": [16, 128], "step": 16, "prior": 64},
    "heads": {"choice": [1, 2, 3, 4]},
    "layers": {"choice": [[64, 64], [128], {"depth": 3}]},
    "momentum": {"uniform": [0, 1], "when": {"layers": [[128], {"depth": 3}]}},
}
WHERE = ["width % heads == 0", "warmup < momentum or warmup == 0", "lr * width <= limit", "cycles <= heads"]
COUNTABLE = {name: {**one, "step": 0.1} if name == "momentum" else one for name, one in SPACE.items() if name != "lr"}


def conditional_study(method: str = "tpe", trials: int = 30, **changes: Any) -> Study:
    """A study over the space; for a grid over what can be counted of it, without priors."""
    space: dict[str, Any] = SPACE
    where = WHERE
    if method == "grid":
        space = {name: {key: of for key, of in one.items() if key != "prior"} for name, one in COUNTABLE.items()}
        where = [text for text in WHERE if "lr" not in text]
    return Study.model_validate(
        {
            "name": "conditional",
            "trainer": "tests.fakes.trainers:Quadratic",
            "fixed": {"limit": 4},
            "space": space,
            "where": where,
            "search": {"method": method, "trials": trials},
            "seeds": [1, 2],
            "rungs": [{"epochs": 2, "seeds": 1}, {"epochs": 4, "seeds": 2}],
            **changes,
        }
    )


def played(study: Study, loss: Callable[[Mapping[str, Any]], float]) -> list[Trial]:
    """Returns the trials of a search, each with its result at the last rung before the next is suggested."""
    scale = LossScale(maximize=False, baseline=10.0)
    seen, trials = Observations(study, scale), list[Trial]()
    while len(trials) < study.trials:
        found = suggest_feasible(study, trials, scale, seen)
        if found is None:
            break
        value = loss(found.parameters)
        reached = {1: Reached(1, value, {1: value, 2: value}, confirmed=True)}
        trials.append(
            Trial(len(trials), found.parameters, 1, reached=reached, refused=found.refused, reason=found.reason)
        )
        seen.follow(trials[-1])
    return trials
