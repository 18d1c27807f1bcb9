"""Runs of any sources side by side, from Python."""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from tune.cli.api.result import Result
from tune.errors import UserMistake
from tune.ledger.imports.reading import read_runs
from tune.scoring.comparison.comparison import Comparison, Question, compare_runs
from tune.scoring.comparison.plan import plan_of
from tune.views.terminal.compare_json import comparison_json
from tune.views.terminal.compare_words import confounding_sentences, difference_sentence, length_sentences

if TYPE_CHECKING:
    import pandas as pd

_BY_SEED = ("epochs_to_below", "epochs_to_90_percent_of_drop", "gap_percent", "mean_gradient_norm")
_ONE = (
    "last_range", "last_sd", "last_range_ratio", "last_sd_ratio", "parameters", "samples_per_second",
    "epochs_per_second", "seconds", "gpu_hours",
)  # fmt: skip


class Compared:
    """Runs side by side, as `latent-tune compare` shows them (docs/compare.md).

    Args:
        comparison: All that is said of them.

    Attributes:
        metric: What is compared.
        maximize: Whether higher values of it are better.
    """

    def __init__(self, comparison: Comparison) -> None:
        self._comparison = comparison
        self.metric, self.maximize = comparison.metric, comparison.maximize

    @property
    def confounded(self) -> tuple[tuple[str, ...], ...]:
        """Sets of factors of which nothing can be said one by one."""
        return tuple(one.factors for one in self._comparison.confounding.aliased)

    @property
    def sentences(self) -> list[str]:
        """Which difference holds up, what may not be ranked, what is confounded."""
        first, *others = self._comparison.columns
        told = [difference_sentence(first, column, self._comparison) for column in others]
        return [*told, *length_sentences(self._comparison), *confounding_sentences(self._comparison)]

    def table(self) -> "pd.DataFrame":
        """Returns a row per side: what differs, means over its runs, its difference from the first."""
        import pandas as pd

        rows = []
        for place, side in enumerate(self.as_dict()["sides"]):
            row = {"side": side["name"], "runs": len(side["runs"])}
            row |= {name: values[place] for name, values in self._comparison.differing.items()}
            row["epochs"] = (side["epochs"] or {}).get("longest")
            row["final"] = _mean(side["finals"].get(self.metric, {}))
            row |= {name: _mean(side[name]) for name in _BY_SEED}
            row |= {name: side[name] for name in _ONE}
            gap = side["minus_first"] or {}
            row |= {"difference": gap.get("mean"), "low": gap.get("low"), "high": gap.get("high")}
            rows.append({**row, "better": gap.get("better")})
        numbers = ["final", *_BY_SEED, *_ONE, "difference", "low", "high"]
        kinds = dict.fromkeys(numbers, "float64") | {"epochs": "Int64", "better": "boolean"}
        return pd.DataFrame(rows).astype(kinds)

    def values(self) -> "pd.DataFrame":
        """Returns a row per side, run and epoch: every metric that a curve is told of is a column."""
        import pandas as pd

        rows = []
        for column in self._comparison.columns:
            for run in column.side.runs:
                epochs = sorted({epoch for curve in run.curves.values() for epoch in curve})
                for epoch in epochs:
                    told = {name: curve[epoch] for name, curve in run.curves.items() if epoch in curve}
                    rows.append({"side": column.side.name, "run": run.key, "seed": run.seed, "epoch": epoch, **told})
        frame = pd.DataFrame(rows, columns=None if rows else ["side", "run", "seed", "epoch"])
        return frame.astype({"seed": "Int64", "epoch": "int64"})

    def plan(self) -> str | None:
        """Returns the runs that would separate what is confounded, as a plan file; None where nothing is."""
        plan = plan_of(self._comparison)
        return None if plan is None else plan.text()

    def as_dict(self) -> dict[str, Any]:
        """Returns what `latent-tune compare --json` prints."""
        return comparison_json(self._comparison)

    def __repr__(self) -> str:
        return f"<latent_tune.Compared {self.metric}: {' '.join(self.sentences)}>"

    def _repr_html_(self) -> str:
        """Returns what a notebook shows."""
        said = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in self.sentences)
        return str(self.table().to_html(index=False, escape=True, na_rep="")) + said


@overload
def compare(folder: str | Path, trials: Sequence[int], /, *, connect: bool = False) -> "pd.DataFrame": ...
@overload
def compare(
    *runs: str | Path | int,
    metric: str | None = None,
    direction: str | None = None,
    below: float | None = None,
    at: Sequence[int] | None = None,
    last: int | None = None,
    connect: bool = False,
) -> Compared: ...
def compare(
    *runs: Any,
    metric: str | None = None,
    direction: str | None = None,
    below: float | None = None,
    at: Sequence[int] | None = None,
    last: int | None = None,
    connect: bool = False,
) -> "Compared | pd.DataFrame":
    """Sets runs of any sources side by side; a folder and a list of numbers: as `Result.compare`.

    Args:
        *runs: As of `latent-tune compare`: `"results/a/3"`, `"earlier.csv"`, `"results/a", 3, 7`.
        metric: What is compared; None: what is scored, else the loss.
        direction: `minimize` or `maximize`; None: as the source says, else by its name.
        below: Count the epochs to this value.
        at: After which epochs values are shown.
        last: Over how many epochs at the end range and deviation are.
        connect: As of `open`.

    Raises:
        UserMistake: If something is no run, or they have nothing in common.
    """
    if len(runs) == 2 and isinstance(runs[1], Sequence) and not isinstance(runs[1], str):
        return Result.read(Path(runs[0]), connect=connect).compare(runs[1])
    if direction not in (None, "minimize", "maximize"):
        raise UserMistake(f"compare: direction is minimize, maximize or None, got {direction!r}")
    question = Question(
        metric=metric,
        maximize=None if direction is None else direction == "maximize",
        below=below,
        at=None if at is None else tuple(at),
        last=last,
    )
    found = read_runs([str(run) for run in runs], metrics=[] if metric is None else [metric], connect=connect)
    return Compared(compare_runs(found, question))


def _mean(values: dict[Any, float | None]) -> float | None:
    known = [value for value in values.values() if value is not None]
    return sum(known) / len(known) if known else None
