"""What is wrong with a plan, before anything is trained."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from math import prod
from typing import Any, Protocol

from tune.errors import did_you_mean
from tune.study.node import ACCELERATOR
from tune.study.plan.arms import BASE, OF_TRAINING, Arm, Start, arms_of, named_changes
from tune.study.plan.section import Plan, Round
from tune.study.values import same

Path = tuple[str | int, ...]
Found = Iterator[tuple[Path, str]]

_MOST_ARMS = 10_000
_NO_PARAMETERS = {
    "seeds": "the plan, a round or an arm has `seeds`",
    "arm": "tables have the arm's name under it; call it otherwise",
    "round": "tables have the round's name under it; call it otherwise",
}
_INSTEAD = {
    "space": "`search` of a round has a space",
    "rungs": "give `epochs`; `search` of a round may have a ladder",
    "search": "it is a round's",
    "where": "say which arms there are",
}


class PlannedStudy(Protocol):
    """What of a study file says a plan."""

    @property
    def plan(self) -> Plan:
        """The rounds by name."""
        ...

    @property
    def base(self) -> Mapping[str, Any]:
        """The value of every parameter."""
        ...

    @property
    def fixed(self) -> Mapping[str, Any]:
        """Values that no arm changes."""
        ...

    @property
    def epochs(self) -> int | None:
        """Of an arm that says none."""
        ...

    @property
    def seeds(self) -> Sequence[int]:
        """Repeats, in the order in which they are used."""
        ...

    @property
    def model_fields_set(self) -> Collection[str]:
        """The keys that the file gives."""
        ...


def plan_mistakes(study: PlannedStudy) -> Found:
    """Yields path and message of each mistake of a study that has `base` or `plan`."""
    for key, why in _INSTEAD.items():
        if study.plan and key in study.model_fields_set:
            yield (key,), f"does not go with `plan`: {why}"
    if not study.plan:
        yield ("base",), "goes with `plan`, which is missing; values shared by all trials of a search are `fixed`"
    elif not study.base:
        yield ("base",), "is missing; give every parameter of the plan its value there"
    elif study.epochs is None:
        yield ("epochs",), "is missing; say how long an arm trains"
    else:
        yield from _of_plan(study, Start(study.base, study.epochs, len(study.seeds)))


def _of_plan(study: PlannedStudy, start: Start) -> Found:
    base, epochs = start.base, start.epochs
    for key in base:
        if key in study.fixed:
            yield ("base", key), "is also under `fixed`; keep one of the two"
    if "epochs" in base and not same(base["epochs"], epochs):
        yield ("base", "epochs"), f"{base['epochs']!r} planned, but `epochs` trains {epochs}; give one of the two"
    for key, why in _NO_PARAMETERS.items():
        if key in base:
            yield ("base", key), f"is no parameter: {why}"
    found = [*_circles(study.plan)]
    for name, of in study.plan.items():
        found += _of_round(name, of, start)
    yield from found
    if not found and "epochs" in study.fixed:
        lasting = {arm.epochs for name, of in study.plan.items() for arm in arms_of(name, of, start)}
        if lasting - {epochs}:
            yield ("fixed", "epochs"), "arms differ in it; put it into `base`, and each gets its own"


def _of_round(name: str, of: Round, start: Start) -> Found:
    at = ("plan", name)
    found = [*_unknown(of, at, start.base), *_training(of, at, start.seeds)]
    if not of.crossed and of.one_at_a_time is None and of.arms is None and of.search is None:
        found.append((at, "has nothing to train; give grid, node, one_at_a_time, arms or search"))
    if of.search is not None:
        found += _of_search(of, at, start)
    elif not found:
        found += _of_arms(name, of, start)
    yield from found


def _circles(plan: Plan) -> Found:
    names = list(plan)
    for place, (name, of) in enumerate(plan.items()):
        for index, earlier in enumerate(of.from_):
            at = ("plan", name, "from", index)
            if earlier == name:
                yield at, f"'{name}' begins from itself; a round begins from an earlier one, or from `base`"
            elif earlier not in plan:
                yield at, f"there is no round '{earlier}'{did_you_mean(earlier, names)}; rounds are {', '.join(names)}"
            elif name in _begins_from(plan, earlier):
                circle = [one for one in names if one in plan and name in _begins_from(plan, one)]
                if name == next(one for one in circle if one in _begins_from(plan, name)):  # one message for all of it
                    yield at, f"'{name}' begins from '{earlier}', which begins from '{name}': rounds go in a circle"
            elif names.index(earlier) > place:
                yield at, f"'{earlier}' comes after '{name}'; put it before, rounds go in the order of the file"
        if twice := [one for index, one in enumerate(of.from_) if one in of.from_[:index]]:
            yield ("plan", name, "from"), f"each round once, got '{twice[0]}' twice"


def _begins_from(plan: Plan, name: str) -> set[str]:
    """Returns the rounds that one rests on, over any number of others."""
    found: set[str] = set()
    waiting = list(plan[name].from_)
    while waiting:
        one = waiting.pop()
        if one in plan and one not in found:
            found.add(one)
            waiting += plan[one].from_
    return found


def _unknown(of: Round, at: Path, base: Mapping[str, Any]) -> Found:
    """Yields what a round changes that `base` does not have."""
    allowed = [*base, *OF_TRAINING]
    lists: list[tuple[Path, Mapping[str, Any]]] = [
        (("arms", title), changes) for title, changes in (of.arms or {}).items()
    ]
    lists += [(("grid",), of.grid or {}), (("one_at_a_time",), of.one_at_a_time or {})]
    lists += [(("search", "space"), of.search.space)] if of.search is not None else []
    if of.node is not None and ACCELERATOR not in base:
        said = f"has no value in `base`; give it one there, such as {ACCELERATOR}: {of.node.accelerator[0]}"
        yield (*at, "node", "accelerator"), said
    if ACCELERATOR in (of.grid or {}):
        yield (*at, "grid", ACCELERATOR), "is crossed with a grid as `node: {accelerator: [...]}` beside it"
    for where, names in lists:
        known = list(base) if where[0] == "search" else allowed if where[0] == "arms" else [*base, "epochs"]
        for name in names:
            if name not in known:
                yield (*at, *where, name), f"has no value in `base`{did_you_mean(name, list(base))}; give it one there"


def _training(of: Round, at: Path, seeds: int) -> Found:
    """Yields epochs that are none, and more seeds than there are."""
    for where, key, value in _of_training(of):
        if type(value) is not int or value < 1:
            yield (*at, *where), f"{key} must be a whole number, 1 or more, got {value!r}"
        elif key == "seeds" and value > seeds:
            yield (*at, *where), f"{value} seeds asked for, but `seeds` lists {seeds}"


def _of_training(of: Round) -> Iterator[tuple[Path, str, Any]]:
    if of.seeds is not None:
        yield ("seeds",), "seeds", of.seeds
    for title, changes in (of.arms or {}).items():
        yield from ((("arms", title, key), key, changes[key]) for key in OF_TRAINING if key in changes)
    for kind in ("grid", "one_at_a_time"):
        for index, value in enumerate((getattr(of, kind) or {}).get("epochs", ())):
            yield (kind, "epochs", index), "epochs", value


def _of_search(of: Round, at: Path, start: Start) -> Found:
    """Yields what is wrong with a round that searches."""
    search, base = of.search, start.base
    assert search is not None
    for kind in ("grid", "node", "one_at_a_time", "arms", "first", "last", "weights"):
        if getattr(of, kind):
            yield (*at, kind), "stands beside `search`; make it a round of its own"
    if "epochs" in search.space:
        yield (*at, "search", "space", "epochs"), "how long a trial trains is its ladder's; give `rungs`"
    if search.method == "grid":
        yield (*at, "search", "method"), "a round that tries every setting is written as `grid`, without `search`"
    top = (of.epochs or start.epochs, of.seeds or start.seeds)
    for index, (lower, upper) in enumerate(zip(search.rungs, search.rungs[1:], strict=False), start=1):
        if upper.epochs < lower.epochs or upper.seeds < lower.seeds or upper == lower:
            yield (*at, "search", "rungs", index), "the ladder must rise"
    if search.rungs and (search.rungs[-1].epochs, search.rungs[-1].seeds) != top:
        last = f"{search.rungs[-1].epochs} epochs x {search.rungs[-1].seeds} seeds"
        yield (*at, "search", "rungs"), f"the last rung must be that of the round, {top[0]} x {top[1]}, got {last}"
    for name in search.space:
        if name in base and not _one_kind(search.space[name].extremes[0], base[name]):
            wrong = f"searched among {search.space[name].extremes[0]!r}, but {base[name]!r} in `base`"
            yield (*at, "search", "space", name), f"{wrong}; values of one parameter are of one kind"


def _one_kind(one: Any, other: Any) -> bool:
    def number(value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool)

    return number(one) == number(other)


def _of_arms(name: str, of: Round, start: Start) -> Found:
    """Yields arms that are another's double, and priorities that mean no arm; all else about them is sound."""
    at, count = ("plan", name), prod(map(len, of.crossed.values()))
    if count > _MOST_ARMS:
        yield (*at, "grid"), f"makes {count:,} arms; at most {_MOST_ARMS:,} are worked through, so make it a search"
        return
    unnamed = arms_of(name, of.model_copy(update={"arms": None}), start)
    there, titles = {arm.key: arm for arm in unnamed}, {BASE, *(title for title, _ in named_changes(of))}
    for title, changes in (of.arms or {}).items():
        alone = of.model_copy(update={"grid": None, "one_at_a_time": None, "arms": {title: changes}})
        arm = arms_of(name, alone, start)[-1]
        if title in titles:
            yield (*at, "arms", title), f"'{title}' is what an arm is called already; give it another name"
        elif arm.key in there:
            twin = there[arm.key]
            same_as = "changes nothing: it is the base" if twin is unnamed[0] else f"is the same arm as '{twin.name}'"
            yield (*at, "arms", title), f"{same_as}; leave one of them out"
        there.setdefault(arm.key, arm)
    yield from _priorities(of, at, arms_of(name, of, start))


def _priorities(of: Round, at: Path, arms: Sequence[Arm]) -> Found:
    names = [arm.name for arm in arms]
    wanted: list[tuple[Path, str | Mapping[str, Any]]] = [((*at, "weights", name), name) for name in of.weights]
    for kind in ("first", "last"):
        wanted += [((*at, kind, index), one) for index, one in enumerate(getattr(of, kind))]
    for where, one in wanted:
        if not any(arm.has(one) for arm in arms):
            near = did_you_mean(one, names) if isinstance(one, str) else ""
            yield where, f"no arm of this round is meant by {one!r}{near}; its arms are {', '.join(names[:8])}"
