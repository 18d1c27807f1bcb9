"""The competitors: each the real library, asked in this process as its own loop would ask it.

A competitor is a generator. Before each piece of training it yields what that piece costs in seed-epochs and a function
that returns what its users would take if they stopped now. So one play answers every budget, unless the method plans
by its budget; such a method is played anew for each.

All see the same curves: validation loss of one seed, or several, by epoch. A loss that is not finite is handed over
as ten baselines, because some of these libraries lose or reject such a trial.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, product
from math import inf, isfinite
from statistics import fmean
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.tabular import EPOCHS, Configuration, Objective

Play = Iterator[tuple[int, Callable[[], Configuration | None]]]
SLOTS, GRACE, ETA, REPEATS = 4, 3, 3, 5


@dataclass(frozen=True)
class Setting:
    """One play.

    Attributes:
        objective: What is searched.
        seeds: Of the training, in the order in which they are to be used.
        seed: Of the search.
        budget: Seed-epochs; only for methods that plan by it.
    """

    objective: Objective
    seeds: Sequence[int]
    seed: int
    budget: int

    def losses(self, configuration: Configuration, seed: int) -> list[float]:
        """Returns the validation loss of one run by epoch, in units of the baseline."""
        baseline = self.objective.baseline["validation_loss"]
        curve = self.objective.curves(configuration, seed)["validation_loss"]
        return [loss / baseline if isfinite(loss) else 10.0 for loss in curve]


@dataclass(frozen=True)
class Peer:
    """A competitor.

    Attributes:
        label: For tables and figures.
        play: See the module's docstring.
        planned: Whether it plans by its budget.
        where: Which objectives it can search.
    """

    label: str
    play: Callable[[Setting], Play]
    planned: bool = False
    where: Callable[[Objective], bool] = lambda _: True


def answers(play: Play, budgets: Sequence[int]) -> dict[int, Configuration | None]:
    """Plays until the last budget is spent; returns what is recommended at each, and after the end of a play."""
    found: dict[int, Configuration | None] = {}
    left, spent = sorted(budgets), 0
    recommend: Callable[[], Configuration | None] = lambda: None  # noqa: E731 - the shortest way to say nothing
    for cost, recommend in play:
        while left and spent + cost > left[0]:
            found[left.pop(0)] = recommend()
        if not left:
            return found
        spent += cost
    return found | {budget: recommend() for budget in left}


class Best:
    """The configuration with the lowest value told."""

    def __init__(self) -> None:
        self.value, self.configuration = inf, None

    def tell(self, configuration: Configuration, value: float) -> None:
        """Takes note of a value."""
        if value < self.value:
            self.value, self.configuration = value, configuration

    def __call__(self) -> Configuration | None:
        """Returns it, None before the first."""
        return self.configuration


def distributions(objective: Objective) -> dict[str, Any]:
    """Returns the space in Optuna's words, the same as the ledger's."""
    from pydantic import TypeAdapter

    from tune.ledger.database.distributions import distribution
    from tune.study.space import Parameter

    parse: TypeAdapter[Any] = TypeAdapter(Parameter)
    return {name: distribution(parse.validate_python(one)) for name, one in objective.space.items()}


def random_search(setting: Setting) -> Play:
    """One seed, all epochs each; the best last validation loss."""
    import optuna

    space, best = distributions(setting.objective), Best()
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=setting.seed))
    while True:
        yield EPOCHS, best
        configuration = study.ask(space).params
        best.tell(configuration, setting.losses(configuration, setting.seeds[0])[-1])


def asha(setting: Setting) -> Play:
    """Ray Tune's ASHA over OptunaSearch, one seed, four trials at once.

    `ResultGrid.get_best_result` by default compares the last result of every trial, stopped ones included.
    """
    from ray.tune.schedulers import AsyncHyperBandScheduler
    from ray.tune.search.optuna import OptunaSearch

    named = {"metric": "loss", "mode": "min"}
    search = OptunaSearch(distributions(setting.objective), seed=setting.seed, **named)
    scheduler = AsyncHyperBandScheduler(max_t=EPOCHS, grace_period=GRACE, reduction_factor=ETA, **named)
    last: dict[str, tuple[float, Configuration]] = {}
    running: list[tuple[Any, Configuration, Iterator[tuple[int, float]]]] = []

    def recommend() -> Configuration | None:
        return min(last.values(), key=lambda pair: pair[0])[1] if last else None

    numbers = count()
    while True:
        while len(running) < SLOTS:
            trial = SimpleNamespace(trial_id=f"{next(numbers):05d}")
            configuration = dict(search.suggest(trial.trial_id))
            scheduler.on_trial_add(None, trial)
            epochs = enumerate(setting.losses(configuration, setting.seeds[0]), start=1)
            running.append((trial, configuration, iter(epochs)))
        trial, configuration, curve = running.pop(0)
        yield 1, recommend
        epoch, loss = next(curve)
        last[trial.trial_id] = loss, configuration
        result = {"training_iteration": epoch, "loss": loss}
        if scheduler.on_trial_result(None, trial, result) == AsyncHyperBandScheduler.STOP:
            search.on_trial_complete(trial.trial_id, result)
        else:
            search.on_trial_result(trial.trial_id, result)
            running.append((trial, configuration, curve))


def repeater(setting: Setting) -> Play:
    """Ray Tune's Repeater over OptunaSearch, five seeds, all epochs; the configuration with the best mean."""
    from ray.tune.search import Repeater
    from ray.tune.search.optuna import OptunaSearch

    inner = OptunaSearch(distributions(setting.objective), metric="loss", mode="min", seed=setting.seed)
    search, best = Repeater(inner, repeat=REPEATS), Best()
    seen: list[float] = []
    for number in count():
        yield EPOCHS, best
        suggested = dict(search.suggest(f"{number:05d}"))
        index = suggested.pop("__trial_index__")
        seen = [] if index == 0 else seen
        seen.append(setting.losses(suggested, setting.seeds[index])[-1])
        search.on_trial_complete(f"{number:05d}", {"loss": seen[-1]})
        if len(seen) == REPEATS:
            best.tell(suggested, fmean(seen))


def hyperband(setting: Setting) -> Play:
    """Optuna's TPE with its HyperbandPruner, one seed; `study.best_trial`, which is one that was not pruned."""
    import optuna

    space, best = distributions(setting.objective), Best()
    study = optuna.create_study(
        study_name=f"hyperband-{setting.seed}",  # the pruner draws brackets from it
        sampler=optuna.samplers.TPESampler(seed=setting.seed),
        pruner=optuna.pruners.HyperbandPruner(min_resource=GRACE, max_resource=EPOCHS, reduction_factor=ETA),
    )
    while True:
        trial = study.ask(space)
        for epoch, loss in enumerate(setting.losses(trial.params, setting.seeds[0]), start=1):
            yield 1, best
            trial.report(loss, epoch)
            if epoch < EPOCHS and trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, loss)
            best.tell(trial.params, loss)


def wilcoxon(setting: Setting) -> Play:
    """Optuna's TPE with its WilcoxonPruner: seeds are steps, all epochs each; a pruned trial tells its mean so far."""
    import optuna

    space, best = distributions(setting.objective), Best()
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=setting.seed), pruner=optuna.pruners.WilcoxonPruner()
    )
    order = np.random.default_rng(setting.seed)  # the manual asks for shuffled steps
    while True:
        trial = study.ask(space)
        values: list[float] = []
        for step in order.permutation(REPEATS).tolist():
            yield EPOCHS, best
            values.append(setting.losses(trial.params, setting.seeds[step])[-1])
            trial.report(values[-1], step)
            if trial.should_prune():
                break
        study.tell(trial, fmean(values))
        best.tell(trial.params, fmean(values))


def grid_one(setting: Setting) -> Play:
    """The whole grid, one seed each."""
    return _grid(setting, 1)


def grid_five(setting: Setting) -> Play:
    """The whole grid, five seeds each; the best mean."""
    return _grid(setting, REPEATS)


def _grid(setting: Setting, seeds: int) -> Play:
    best = Best()
    values = [one["choice"] for one in setting.objective.space.values()]
    points = [dict(zip(setting.objective.space, point, strict=True)) for point in product(*values)]
    for row in np.random.default_rng(setting.seed).permutation(len(points)).tolist():
        yield seeds * EPOCHS, best
        losses = [setting.losses(points[row], seed)[-1] for seed in setting.seeds[:seeds]]
        best.tell(points[row], fmean(losses))
    yield 0, best
