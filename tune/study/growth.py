"""Growing a study: what may change after trials were trained, and what old trials then mean. Pure functions.

Allowed is what leaves every old result what it was:

- how much there is to do: `search.trials`, `budget`, `confirm`, how it is kept (`storage`), who is told of it
  (`loggers`), what is checked (`check`), where it runs (`resources`), and how the next settings are chosen
  (`search.method`, `search.seed`, `search.reduction_factor`);
- `rungs`: further rungs above the old ones. What was confirmed then stands at a rung below the last, as if it had just
  come there, and goes on from its checkpoint when it earns promotion;
- `seeds`: further ones after the old ones;
- `plan`: further rounds and arms (`tune.study.plan.growth`);
- `space`: wider bounds, further choices, a finer `step` that keeps the old values, fewer constraints (`where`), and
  parameters that exist only under values which are new. An old trial is a point of the wider space, with the values
  that it had. `prior` only says where the next trials look.

Trials that were stopped because the study was over wait again at the rung where they stood. Everything else would
change what old results mean, and is refused.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, log
from typing import Any

from tune.errors import FileMistakes, Mistake
from tune.study import document
from tune.study.document import Document
from tune.study.ladder import Rung
from tune.study.plan import growth as plan_growth
from tune.study.settings.conditions import required
from tune.study.space import Choice, IntRange, Parameter, Uniform
from tune.study.study import Study, build_study

_FREE = (
    "search.trials",
    "search.method",
    "search.seed",
    "search.reduction_factor",
    "budget",
    "confirm",
    "storage",
    "loggers",
    "check",
    "epochs",
)
"""What says only what is still to be done, a section or a key. `epochs` must fit `rungs`, and these are checked."""

_REASONS = {
    "storage.database": "the trials are in the old one",
    "storage.shared": "the checkpoints are in the old one",
    "score": "every score so far was worked out with the old value",
    "name": "it names the folder and the study in its database",
    "search": "promotions so far were decided by the old value",
}


def differences(old: Study, new: Study) -> dict[str, tuple[Any, Any]]:
    """Returns the old and the new value by dotted path of everything in which two studies differ."""
    there, asked = (dict(_flat(study.model_dump(mode="json", by_alias=True))) for study in (old, new))
    return {path: (there.get(path), asked.get(path)) for path in there | asked if there.get(path) != asked.get(path)}


def described(different: Mapping[str, tuple[Any, Any]]) -> str:
    """Returns differences in one line, such as `search.trials 24 → 48`."""
    return "; ".join(f"{path} {in_words(old)} → {in_words(new)}" for path, (old, new) in different.items())


def refused(old: Study, new: Study, started: int = 0) -> list[Mistake]:
    """Returns why a study cannot become another, a mistake for each difference that would change old results.

    Args:
        old: The study as its trials were trained.
        new: What it is to become.
        started: How many trials it has.
    """
    found = []
    for path, (before, asked) in differences(old, new).items():
        why = _why_not(path, old, new)
        if why is not None:
            found.append(Mistake(path, f"there {in_words(before)}, asked for {in_words(asked)}: {why}"))
    if new.search.trials is not None and new.search.trials < started:
        less = f"{started} trials have been started, asked for {new.search.trials}; trials are never taken back"
        found.append(Mistake("search.trials", less))
    return found


def extended(
    study: Study,
    source: str,
    *,
    trials: int | None = None,
    epochs: int | None = None,
    seeds: Sequence[int] = (),
    changes: Sequence[str] = (),
) -> Study:
    """Returns a study that is to do more.

    Args:
        study: As it is.
        source: Names it in messages.
        trials: How many in all.
        epochs: Of a full training: the ladder is extended to it (`extended_rungs`).
        seeds: Further ones; the final race may give the best few all of them.
        changes: `path=value`, as given to `--set`; new choices are put after the old ones.

    Raises:
        FileMistakes: If the result would be no study.
    """
    file = Document(source, study.model_dump(mode="json", by_alias=True))
    if study.plan and (trials is not None or epochs is not None):
        option = "trials" if trials is not None else "epochs"
        more = "a plan does what its rounds say; add arms or rounds to its file, and run that again"
        raise FileMistakes(source, [Mistake(option, more)])
    if trials is not None:
        document.assign(file, "search.trials", trials)
    if epochs is not None:
        if epochs <= study.top.epochs:
            few = f"{epochs} asked for, but a full training has {study.top.epochs} already; give more"
            raise FileMistakes(source, [Mistake("epochs", few)])
        rungs = extended_rungs(study.rungs, epochs, study.search.reduction_factor)
        document.assign(file, "rungs", [rung.model_dump() for rung in rungs])
        if study.epochs is not None:
            document.assign(file, "epochs", epochs)
    if seeds:
        every = [*study.seeds, *seeds]
        document.assign(file, "seeds", every)
        document.assign(file, "confirm.seeds", max(len(every), study.confirm.seeds))
    for change in changes:
        document.assign_text(file, change)
    there = file.value.get("space")
    there = there if isinstance(there, dict) else {}
    for name, parameter in study.space.items():
        asked = there.get(name)
        if isinstance(parameter, Choice) and isinstance(asked, dict) and isinstance(asked.get("choice"), list):
            added = [value for value in asked["choice"] if not parameter.holds(value)]
            kept = [value for value in parameter.choice if value in asked["choice"]]
            asked["choice"] = [*kept, *added]
    return build_study(file)


def extended_rungs(rungs: Sequence[Rung], epochs: int, reduction_factor: float) -> list[Rung]:
    """Returns the ladder with further rungs above, as many seeds each as the last one had.

    As many rungs as it takes for none to ask for more than `reduction_factor` times the epochs of the one before, in
    equal ratios: so each costs about as much in all as the one before, whose trials one in so many climbs.
    """
    top = rungs[-1]
    steps = max(1, ceil(log(epochs / top.epochs) / log(reduction_factor) - 1e-9))
    levels = [round(top.epochs * (epochs / top.epochs) ** (step / steps)) for step in range(1, steps + 1)]
    return [*rungs, *(Rung(epochs=level, seeds=top.seeds) for level in sorted(set(levels)) if level > top.epochs)]


def _why_not(path: str, old: Study, new: Study) -> str | None:
    """Returns why one difference is refused; None when it is allowed."""
    section = path.partition(".")[0]
    if section == "resources":
        return _why_not_resources(old, new)
    if section == "plan" and old.plan and new.plan:
        return plan_growth.why_not(old.plan, new.plan, (len(old.rungs), len(new.rungs)))
    if path == "epochs" and old.plan:
        return "arms were trained for the old ones; give a round or an arm its own"
    if path == "rungs":
        return _why_not_rungs(old, new)
    if path == "seeds":
        kept = new.seeds[: len(old.seeds)] == old.seeds
        return None if kept else "the old seeds come first and in their order, because trials have used them so"
    if section == "space":
        return _why_not_space(path, old, new)
    if section == "where":
        kept = set(new.where) <= set(old.where)
        return None if kept else "old trials may violate it; conditions can only be taken away"
    if path not in _REASONS and (path in _FREE or section in _FREE):
        return None
    return _REASONS.get(path, _REASONS.get(section, "every trial so far was trained with the old value"))


def _why_not_resources(old: Study, new: Study) -> str | None:
    before, asked = old.resources, new.resources
    if before.threads != asked.threads:
        return "another number of threads gives other sums, so runs would no longer be the same"
    if bool(before.gpus_per_trial) != bool(asked.gpus_per_trial):
        return "a CPU and a GPU give other sums, so runs would no longer be the same"
    return None


def _why_not_rungs(old: Study, new: Study) -> str | None:
    if new.rungs[: len(old.rungs)] != old.rungs:
        return "trials stand at the old rungs; further ones can only be added above them"
    planned = old.fixed.get("epochs")
    if planned is not None and "epochs" not in old.space:
        return f"fixed.epochs says that every training was planned for {planned} epochs, as its learning rate went"
    return None


def _why_not_space(path: str, old: Study, new: Study) -> str | None:
    name = next(name for name in {**old.space, **new.space} if f"{path}.".startswith(f"space.{name}."))
    before, asked = old.space.get(name), new.space.get(name)
    if before is None:
        return None if _never_was(name, old, new) else "old trials have no value of it"
    if asked is None:
        return "old trials differ in it"
    if before.when != asked.when:
        return "old trials have it, or have it not, by the old condition"
    return (
        None if _holds_all(asked, before) else "it must hold every value that could be tried before, on the same scale"
    )


def _never_was(name: str, old: Study, new: Study) -> bool:
    """Says whether a new parameter exists in no setting of the old space, as it asks for a value that was not there."""
    needed = required(new.space, name)
    return any(
        parent in old.space and not any(old.space[parent].holds(one) for one in allowed)
        for parent, allowed in needed.items()
    )


def _holds_all(wider: Parameter, narrower: Parameter) -> bool:
    """Says whether a parameter can take every value that another can, and is of its kind."""
    if isinstance(wider, Choice) or isinstance(narrower, Choice):
        return type(wider) is type(narrower) and all(wider.holds(value) for value in narrower.extremes)
    if isinstance(wider, IntRange) and isinstance(narrower, IntRange) and wider.log != narrower.log:
        return False
    if isinstance(wider, Uniform | IntRange) and wider.step is not None:
        return type(wider) is type(narrower) and narrower.values is not None and _all_in(wider, narrower.values)
    same = type(wider) is type(narrower)
    return same and wider.extremes[0] <= narrower.extremes[0] and narrower.extremes[1] <= wider.extremes[1]


def _all_in(wider: Uniform | IntRange, values: Sequence[float]) -> bool:
    """Says whether a range with steps takes all of some values, ascending; of whole numbers without a look at each."""
    if isinstance(values, range) and isinstance(wider, IntRange):
        return all(value in wider.values for value in (values[0], values[1], values[-1]))
    return all(wider.holds(value) for value in values)


def in_words(value: Any) -> str:
    """Returns a value of a study in a few words."""
    if isinstance(value, list) and value and all(isinstance(one, dict) and "epochs" in one for one in value):
        value = ", ".join(f"{rung['epochs']} x {rung['seeds']}" for rung in value)
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else str(key))
    else:
        yield path, value
