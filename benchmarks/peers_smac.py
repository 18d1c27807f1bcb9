"""SMAC3 as a competitor; see benchmarks/peers.py."""

import logging
import tempfile
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.peers import ETA, GRACE, REPEATS, Play, Setting
from benchmarks.tabular import EPOCHS, Configuration


def smac_seeds(setting: Setting) -> Play:
    """SMAC3's facade for hyperparameters, up to five seeds that it chooses itself, all epochs; its incumbent."""
    from smac import HyperparameterOptimizationFacade as Facade

    def make(scenario: Any) -> dict[str, Any]:
        return {"intensifier": Facade.get_intensifier(scenario, max_config_calls=REPEATS)}

    return _smac(setting, Facade, make, {"n_trials": max(8, setting.budget // EPOCHS)})


def smac_hyperband(setting: Setting) -> Play:
    """SMAC3's multi-fidelity facade: Hyperband over epochs with a random forest, one seed; its incumbent.

    A configuration that it takes up again at a higher budget goes on from where it was: only the rest is charged.
    """
    from smac import MultiFidelityFacade as Facade

    def make(scenario: Any) -> dict[str, Any]:
        chosen = Facade.get_intensifier(scenario, eta=ETA, incumbent_selection="highest_observed_budget")
        return {"intensifier": chosen}

    fidelity = {"min_budget": GRACE, "max_budget": EPOCHS, "deterministic": True}
    return _smac(setting, Facade, make, {"n_trials": max(8, setting.budget // 6), **fidelity})


def _smac(setting: Setting, facade: Any, make: Callable[[Any], dict[str, Any]], asked: Mapping[str, Any]) -> Play:
    from joblib import parallel_config
    from smac import Scenario
    from smac.main.exceptions import ConfigurationSpaceExhaustedException
    from smac.runhistory.dataclasses import TrialValue

    warnings.filterwarnings("ignore", module="smac")
    logging.getLogger("smac").setLevel(logging.ERROR)
    choices = {name: one["choice"] for name, one in setting.objective.space.items() if "choice" in one}
    seen: dict[int, int] = {}  # SMAC's seeds in the order in which they first come
    done: dict[tuple[Any, ...], int] = {}

    def plain(configuration: Any) -> dict[str, Any]:
        got = dict(configuration)
        return {key: choices[key][int(got[key])] if key in choices else got[key] for key in setting.objective.space}

    with tempfile.TemporaryDirectory() as folder:
        scenario = Scenario(
            _config_space(setting), **{"deterministic": False, **asked}, seed=setting.seed, output_directory=folder
        )

        def never(config: Any, seed: int = 0, budget: float = 0) -> float:  # noqa: ARG001
            raise AssertionError("SMAC is asked and told; of its target it reads only the parameters")

        def only_seed(config: Any, seed: int = 0) -> float:
            return never(config, seed)

        target = never if "max_budget" in asked else only_seed
        # By default it gives up a finite space after 16 draws of what it has seen, long before all of it is tried.
        chosen = {**make(scenario), "config_selector": facade.get_config_selector(scenario, retries=1000)}
        smac = facade(scenario, target, **chosen, logging_level=False, overwrite=True)

        def recommend() -> Configuration | None:
            best = smac.intensifier.get_incumbents(sort_by="cost")
            return plain(best[0]) if best else None

        while True:
            try:
                with parallel_config(backend="sequential"):  # its forest's threads wait longer than they work
                    info = smac.ask()
            except (StopIteration, ConfigurationSpaceExhaustedException):  # the space is used up
                yield 0, recommend
                return
            configuration = plain(info.config)
            epochs = EPOCHS if info.budget is None else max(1, round(info.budget))
            seed = seen.setdefault(int(info.seed or 0), len(seen) % len(setting.seeds))
            run = (*configuration.values(), seed)
            yield max(0, epochs - done.get(run, 0)), recommend
            done[run] = max(epochs, done.get(run, 0))
            smac.tell(info, TrialValue(cost=setting.losses(configuration, setting.seeds[seed])[epochs - 1], time=1.0))


def _config_space(setting: Setting) -> Any:
    from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer

    made: list[Any] = []
    for name, one in setting.objective.space.items():
        if "choice" in one:
            made.append(Categorical(name, list(range(len(one["choice"])))))
        elif "int" in one:
            made.append(Integer(name, tuple(one["int"]), log=bool(one.get("log"))))
        else:
            kind = "log_uniform" if "log_uniform" in one else "uniform"
            made.append(Float(name, tuple(one[kind]), log=kind == "log_uniform"))
    return ConfigurationSpace(space=dict(zip(setting.objective.space, made, strict=True)), seed=setting.seed)
