"""The sections of a plan in a study file: `plan`, whose rounds are worked through in order."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, SerializerFunctionWrapHandler, model_serializer

from tune.study.ladder import Rung, planned
from tune.study.node import ACCELERATOR, CPU, TYPE
from tune.study.sections import Search, StudySection
from tune.study.space import Parameter
from tune.study.values import Value, same, text_of

NAME = r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,62}"
"""Of rounds and of arms: a person writes them, and they become keys of tables and parts of `round/arm`."""

Named = Annotated[str, Field(pattern=f"^{NAME}$")]


def _each_once(values: list[Any]) -> list[Any]:
    for index, value in enumerate(values):
        if any(same(value, one) for one in values[:index]):
            raise ValueError(f"each value once, got {text_of(value)} twice")
    return values


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str | dict) else value


Values = Annotated[list[Value], Field(min_length=1), AfterValidator(_each_once)]
Factors = Annotated[dict[str, Values], Field(min_length=1)]
ArmLike = str | dict[str, Value]
"""What means arms: a name, or values that they have."""

Meant = Annotated[list[ArmLike], BeforeValidator(_listed, json_schema_input_type=ArmLike | list[ArmLike])]
Types = Annotated[list[Annotated[str, Field(pattern=f"^{TYPE}$")]], Field(min_length=1), AfterValidator(_each_once)]
Positive = Annotated[int, Field(strict=True, ge=1)]


class RoundSearch(Search):
    """A round that searches, with early stopping where it has a ladder for it."""

    space: Annotated[dict[str, Parameter], Field(min_length=1)] = Field(
        description="the parameters that this round searches; all others have the values of its base"
    )
    rungs: list[Rung] = Field(
        default_factory=list,
        description="its ladder, the last rung with the epochs and seeds of the round; left out: planned from these",
    )


class RoundNode(StudySection):
    """Where the arms of a round train: a factor of its grid, `node.accelerator`."""

    accelerator: Types = Field(description=f"types of GPU, as the nodes of the cluster name them, and {CPU} for none")


class Round(StudySection):
    """A part of a plan."""

    from_: Annotated[list[Named], BeforeValidator(_listed, json_schema_input_type=Named | list[Named])] = Field(
        alias="from",
        default_factory=list,
        description="earlier rounds: what their winners have found becomes the base of this one, the later named last",
    )
    grid: Factors | None = Field(default=None, description="values by parameter: an arm for each combination")
    node: RoundNode | None = Field(default=None, description="machines by what they have, each crossed with the grid")
    one_at_a_time: Factors | None = Field(
        default=None, description="values by parameter: an arm for each value, all else as in the base"
    )
    arms: Annotated[dict[Named, dict[str, Value]], Field(min_length=1)] | None = Field(
        default=None, description="named settings: what each changes of the base, its `epochs` and `seeds` included"
    )
    search: RoundSearch | None = Field(default=None, description="a search in place of arms")
    epochs: Positive | None = Field(default=None, description="of each arm; left out: the plan's")
    seeds: Positive | None = Field(default=None, description="how many of the plan's seeds; left out: all")
    first: Meant = Field(default_factory=list, description="arms that come first: a name, or values that they have")
    last: Meant = Field(default_factory=list, description="arms that come last, and are the first to be dropped")
    weights: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default_factory=dict, description="by arm: between `first` and `last` the heavier come first; left out: 1"
    )

    @model_serializer(mode="wrap")
    def _said(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leaves out what nobody has said."""
        return {key: value for key, value in dump(self).items() if value not in (None, [], {})}

    @property
    def crossed(self) -> dict[str, list[Any]]:
        """The values that are crossed, by parameter: those of its grid, and the accelerators."""
        named = self.node.accelerator if self.node is not None else None
        return {**(self.grid or {}), **({ACCELERATOR: list(named)} if named is not None else {})}

    @property
    def varied(self) -> tuple[str, ...]:
        """The parameters that it changes, in the order of the file, and `epochs` where it changes these."""
        lists = (self.crossed, self.one_at_a_time or {}, *(self.arms or {}).values())
        searched = self.search.space if self.search is not None else {}
        return tuple(dict.fromkeys(name for names in (*lists, searched) for name in names if name != "seeds"))

    def ladder(self, epochs: int, seeds: int) -> list[Rung]:
        """Returns the rungs that a trial of it climbs: of an arm one.

        Args:
            epochs: The plan's.
            seeds: How many seeds the plan has.
        """
        full = Rung(epochs=self.epochs or epochs, seeds=self.seeds or seeds)
        if self.search is None:
            return [full]
        if self.search.rungs:
            return list(self.search.rungs)
        rungs = [rung for rung in planned(full.epochs, full.seeds) if rung.seeds <= full.seeds and rung != full]
        return [*rungs, full]

    def listed_values(self, name: str) -> Iterator[Any]:
        """Yields the values that its grid, its lists and its arms give a parameter; one may come twice."""
        for values in (self.crossed.get(name, ()), (self.one_at_a_time or {}).get(name, ())):
            yield from values
        yield from (changes[name] for changes in (self.arms or {}).values() if name in changes)


Plan = Mapping[str, Round]
"""The rounds by name, in the order in which they are worked through."""
