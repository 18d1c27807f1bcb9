"""What a study has come to, for programs and notebooks: tables, figures, the answer."""

import html
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tune.errors import UserMistake, did_you_mean
from tune.ledger.imports.study_folder import number_in, runs_of_trials
from tune.ledger.reader import LedgerReader
from tune.scoring.comparison.comparison import Question, compare_runs
from tune.views.plan.pivot import pivot
from tune.views.report.page import FIGURES, report_of, write_best, write_report
from tune.views.results import Results, gather
from tune.views.sentences import answer, nothing_to_recommend
from tune.views.tables.export import write_csv, write_parquet
from tune.views.tables.frames import curves_frame, decisions_frame, interval, trials_frame
from tune.views.tables.pivots import pivot_frame
from tune.views.terminal.status import status
from tune.views.wording import parameter

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


@dataclass(frozen=True)
class Best:
    """The trial that a study recommends.

    Attributes:
        trial: Its number.
        parameters: Value by name.
        config: What the trainer is given: the study's fixed values and these.
        losses: The scored metric by seed, after the epochs of the highest rung that it reached; nan where not finite.
        mean: Over the seeds that did not fail.
        interval: The 95% interval of the mean.
        score: What trials are ranked by; lower is better.
        confirmed: Whether it went the full ladder; else it is only the best so far.
    """

    trial: int
    parameters: Mapping[str, Any]
    config: Mapping[str, Any]
    losses: Mapping[int, float]
    mean: float
    interval: tuple[float, float]
    score: float
    confirmed: bool


class Result:
    """A study as it was when it was opened, read only; `refreshed()` looks again.

    Args:
        results: All that is said of the study.
        scratch: The folder that the study lies in, where that lives no longer than this; None: the user's own.

    Attributes:
        folder: The study's.
    """

    def __init__(self, results: Results, scratch: "tempfile.TemporaryDirectory[str] | None" = None) -> None:
        self._results, self._scratch = results, scratch
        self.folder = results.ledger.folder

    @classmethod
    def read(
        cls,
        folder: Path,
        *,
        connect: bool = False,
        scratch: "tempfile.TemporaryDirectory[str] | None" = None,
    ) -> "Result":
        """Reads a study; see `latent_tune.open`."""
        return cls(gather(LedgerReader.read(folder, clock=time.time, connect=connect)), scratch)

    @property
    def study(self) -> Any:
        """The study."""
        return self._results.study

    @cached_property
    def best(self) -> Best | None:
        """The trial that is recommended; None where there is nothing to recommend, and `why` says why."""
        best, results = self._results.best, self._results
        if best is None or best.summary is None:
            return None
        return Best(
            trial=best.number,
            parameters=dict(best.trial.parameters),
            config={**results.study.fixed, **best.trial.parameters},
            losses=dict(best.losses),
            mean=best.summary.mean,
            interval=interval(results, best),
            score=best.score,
            confirmed=best.state == "confirmed",
        )

    @property
    def why(self) -> str:
        """The answer in sentences: what to use and what to expect of it, or why there is nothing to recommend."""
        return " ".join(answer(self._results)) if self.best is not None else nothing_to_recommend(self._results)

    def trials(self) -> "pd.DataFrame":
        """Returns a row per trial, best first, each parameter a column (`tune.views.tables.columns.TRIALS`)."""
        return trials_frame(self._results)

    def curves(self) -> "pd.DataFrame":
        """Returns a row per trial, seed and epoch, each metric a column (`tune.views.tables.columns.CURVES`)."""
        return curves_frame(self._results)

    def decisions(self) -> "pd.DataFrame":
        """Returns a row per decision, in their order (`tune.views.tables.columns.DECISIONS`)."""
        return decisions_frame(self._results)

    def table(self, rows: str, columns: str = "", value: str = "coverage") -> "pd.DataFrame":
        """Returns the study by two factors, as `latent-tune table`: a row and a column per value of each.

        Args:
            rows: A parameter; of a plan also `round`, `arm` or `epochs`.
            columns: Another one; empty for a single column.
            value: `coverage` (text: mean, and what is done, running, missing or failed), `loss`, `failed`, or a metric
                of the trainer; numbers are means over the trials of a cell that trained longest, missing where there
                are none.

        Raises:
            UserMistake: If there is no such factor or value.
        """
        return pivot_frame(pivot(self._results, rows, columns, value))

    def rounds(self) -> list[dict[str, Any]]:
        """Returns the rounds of a plan with their arms and what these change, as `status --json` tells them."""
        found: list[dict[str, Any]] = self.status()["rounds"]
        return found

    def status(self) -> dict[str, Any]:
        """Returns how the study stands, as `latent-tune status --json` (docs/status.md)."""
        return status(self._results.ledger)

    def compare(self, trials: Sequence[int]) -> "pd.DataFrame":
        """Returns trials side by side, a row each, and by how much each is worse than the first of them.

        Args:
            trials: Two or more numbers.

        Raises:
            UserMistake: If there are no such trials.
        """
        import pandas as pd

        ledger = self._results.ledger
        numbers = [number_in(ledger, str(self.folder), str(trial)) for trial in dict.fromkeys(trials)]
        found = compare_runs(runs_of_trials(ledger, str(self.folder), numbers), Question())
        rungs = {rung.epochs: place for place, rung in enumerate(ledger.study.rungs)}
        rows = []
        for place, column in enumerate(found.columns):
            apart = column.apart
            rows.append(
                {
                    "trial": numbers[place],
                    **{name: parameter(found.factors[place], name) for name in found.differing},
                    "rung": None if apart is None or apart.epoch is None else rungs.get(apart.epoch),
                    "difference": None if apart is None else apart.mean,
                    "low": None if apart is None else apart.interval[0],
                    "high": None if apart is None else apart.interval[1],
                    "holds_up": None if apart is None else apart.better is not None,
                }
            )
        kinds = {"rung": "Int64", "difference": "float64", "low": "float64", "high": "float64", "holds_up": "boolean"}
        return pd.DataFrame(rows).astype(kinds)

    def report(self, out: str | Path | None = None, price_per_gpu_hour: float | None = None) -> Path:
        """Writes `report.md`, `report.html`, `figures/` and `best.yaml`, and returns the path of the first.

        Args:
            out: A folder; None: the study's.
            price_per_gpu_hour: To tell the cost in money; None: the study's own price, if it has one.

        Raises:
            UserMistake: If it cannot be written there.
        """
        place = None if out is None else Path(out)
        try:
            if place is not None:
                place.mkdir(parents=True, exist_ok=True)
            write_best(self._results, place)
            return write_report(self._results, price_per_gpu_hour, place)
        except OSError as error:
            where = place or self.folder
            raise UserMistake(f"{where}: the report cannot be written there: {error.strerror}; give `out`") from error

    def plot(self, figure: str = "seeds") -> "go.Figure":
        """Returns a figure of the report, to be looked at and changed.

        Args:
            figure: seeds, curves, gap, stability, parameters, interactions, importance, time, speed or saved.

        Raises:
            UserMistake: If there is no such figure, or this study has nothing to show in it.
        """
        from tune.views.report.figures.notebook import joined

        if figure not in FIGURES:
            raise UserMistake(f"plot: no figure '{figure}'{did_you_mean(figure, FIGURES)}")
        drawn = {one.key: one for one in report_of(self._results).figures}
        if figure not in drawn:
            there = ", ".join(drawn) or "none"
            raise UserMistake(f"plot: this study has nothing to show in '{figure}' so far; it has: {there}")
        return joined(drawn[figure])

    def export(self, *, csv: str | Path | None = None, parquet: str | Path | None = None) -> list[Path]:
        """Writes the tables for other programs, as `latent-tune export`; returns what it wrote.

        Args:
            csv: A folder for CSV files.
            parquet: A Parquet file, of the curves with their trials' parameters.

        Raises:
            UserMistake: If neither is given, or it cannot be written there.
        """
        if csv is None and parquet is None:
            raise UserMistake("export: give csv (a folder), parquet (a file), or both")
        written = [] if csv is None else write_csv(self._results, Path(csv))
        return written + ([] if parquet is None else [write_parquet(self._results, Path(parquet))])

    def refreshed(self) -> "Result":
        """Returns the study as it is now."""
        return Result.read(self.folder, connect=True, scratch=self._scratch)

    def __repr__(self) -> str:
        return f"<latent_tune.Result of {self.study.name} in {self.folder}: {self.why}>"

    def _repr_html_(self) -> str:
        """Returns what a notebook shows: the answer, and the ten best trials."""
        shown = self.trials().head(10).drop(columns=["reason"])
        head = f"<p><b>{html.escape(self.study.name)}</b>: {html.escape(self.why)}</p>"
        return head + str(shown.to_html(index=False, escape=True, float_format=lambda value: f"{value:.6g}", na_rep=""))
