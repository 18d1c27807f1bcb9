"""Any real metric is judged like a loss: shift, size and direction of it change no decision."""

from collections.abc import Callable
from math import inf, isfinite, isnan, nan
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.clock import Clock
from tests.fakes.ledgers import BASELINE, Player, latent_loss, latent_study
from tune.ledger.ledger import Ledger
from tune.ledger.loss_scale import LossScale
from tune.ledger.reader import LedgerReader
from tune.scoring.measured import difference, interval_of, scale_of, summary_of
from tune.scoring.score import counted_loss, summarize
from tune.scoring.standings import incumbent, recommended, standings
from tune.study.sections import ScoreRule
from tune.study.values import Value
from tune.views.results import gather
from tune.views.sentences import answer, direction_hint, nothing_found
from tune.views.terminal.status import status

Change = Callable[[float], float]


def played(folder: Path, change: Change, score: dict[str, Any], *, told: bool = True, **changes: Any) -> LedgerReader:
    """A study worked on to its end whose metric is a change of the usual loss."""
    study = latent_study(score=score, **{"confirm": {"seeds": 5, "finalists": 3}, **changes})
    clock = Clock(tick_s=1.0)
    ledger = Ledger.open(study, folder, clock=clock)
    if not told:
        ledger.set_baseline({})
    player = Player(ledger, clock, loss=lambda *run: change(latent_loss(*run)))
    player.play()
    player.optimizer.finish()
    ledger.close("finished")
    return LedgerReader.read(folder, clock=clock)


Told = list[tuple[str, int | None, int | None, dict[str, Value] | None]]


def decided(ledger: LedgerReader) -> Told:
    """What was decided, without words and numbers of the metric."""
    return [(one.kind, one.trial, one.rung, one.detail.get("parameters")) for one in ledger.decisions]


@pytest.mark.parametrize("method", ["tpe", "random"])
@pytest.mark.parametrize("told", [True, False], ids=["baseline", "no baseline"])
@given(times=st.floats(1e-3, 1e3), plus=st.floats(-50, 50))
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_shift_size_and_direction_change_no_decision(
    tmp_path_factory: pytest.TempPathFactory, method: str, told: bool, times: float, plus: float
) -> None:
    """A study of v, one of a * v + b and one of -v, maximised, decide the same and rank the same."""
    changes: list[tuple[Change, str]] = [
        (lambda value: value - 0.04, "minimize"),
        (lambda value: times * (value - 0.04) - abs(plus), "minimize"),
        (lambda value: 0.04 - value, "maximize"),
        (lambda value: times * (0.04 - value) + plus, "maximize"),
    ]
    search = {"method": method, "trials": 14, "seed": 5, "reduction_factor": 2}
    found = []
    for change, direction in changes:
        score = {"direction": direction, **({"baseline": change(BASELINE)} if told else {})}
        ledger = played(tmp_path_factory.mktemp("q") / "q", change, score, told=told, search=search)
        ranked = [(one.number, one.state) for one in standings(ledger, frozenset())]
        found.append((decided(ledger), ranked))
    assert "rescale" in {kind for kind, *_ in found[0][0]}
    assert all(one == found[0] for one in found[1:])


def test_the_highest_accuracy_is_found(tmp_path: Path) -> None:
    """What wins maximised is what would have won as a loss; means are accuracies, and the score is lower for better."""
    ledger = played(tmp_path / "q", lambda loss: 1 - loss, {"direction": "maximize", "baseline": 1 - BASELINE})
    best = recommended(standings(ledger, frozenset()))
    assert best is not None
    assert best.summary is not None
    confirmed = [one for one in standings(ledger, frozenset()) if one.state == "confirmed"]
    means = [one.summary.mean for one in confirmed if one.summary and not one.summary.failed]
    assert best.summary.mean == pytest.approx(max(means), abs=0.001)
    assert 1 - BASELINE < best.summary.mean < 1
    assert best.score < 0
    assert isnan(best.summary.improvement)
    assert 0 < best.summary.reproducibility <= 1
    said = answer(gather(ledger))
    assert said[0].startswith("Use ")
    assert "better than the baseline of 0.9645 by 0.0" in said[1]
    assert "%" not in said[1].partition(";")[0].replace("95% interval", "")


def test_a_loss_stays_on_its_own_scale(tmp_path: Path) -> None:
    """Where a baseline above zero is beaten by losses that are not below it, nothing is moved."""
    ledger = played(tmp_path / "q", lambda loss: loss, {})
    assert "rescale" not in {decision.kind for decision in ledger.decisions}
    assert ledger.loss_scale == LossScale(baseline=BASELINE)
    assert ledger.loss_scale.is_ratio


def test_a_loss_that_falls_below_zero_gets_another_zero(tmp_path: Path) -> None:
    """A baseline above zero is not enough: the scores so far are worked out anew, and all are comparable."""
    ledger = played(tmp_path / "q", lambda loss: loss - 0.0275, {"baseline": BASELINE - 0.0275})
    kinds = [decision.kind for decision in ledger.decisions]
    assert 0 < kinds.index("reach") < kinds.index("rescale")
    rescaled = [one for one in ledger.decisions if one.kind == "rescale"][-1]
    assert rescaled.detail["scores"]
    best = incumbent(standings(ledger, frozenset()))
    assert best is not None
    assert best.summary is not None
    assert not best.summary.failed


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("baseline", [-3.0, 0.0, 2.0])
def test_a_failed_seed_ranks_behind_every_other(*, maximize: bool, baseline: float) -> None:
    """Also where all are negative: whoever failed, by how much ever, has a higher counted loss than whoever did not."""
    sign = -1 if maximize else 1
    scale = LossScale(maximize, baseline, sign * baseline - 2.0)
    alive = [baseline - sign * by for by in (1e-9, 0.5, 1.0)]
    failed = [baseline, baseline + sign * 0.1, baseline + sign * 1e9, nan, inf, -inf]
    assert not any(map(scale.failed, alive))
    assert all(map(scale.failed, failed))
    worst = max(counted_loss(scale.loss(value), scale.limit, 3.0) for value in alive)
    assert worst < min(counted_loss(scale.loss(value), scale.limit, 3.0) for value in failed)


def test_summaries_are_in_units_of_the_metric() -> None:
    """Mean and interval are accuracies, the higher end last; what is better has a positive difference."""
    scale = LossScale(maximize=True, baseline=0.5, zero=-1.3)
    summary = summary_of([0.9, 0.92, 0.3], scale)
    assert summary.mean == pytest.approx(0.91)
    assert summary.failed == 1
    assert summary.cv == pytest.approx(summary.sd / 0.39)
    low, high = interval_of([0.9, 0.92], scale, ScoreRule())
    assert low < 0.91 < high
    gap = difference({1: 0.9, 2: 0.92}, {1: 0.8, 2: 0.83}, scale)
    assert gap.mean == pytest.approx(0.095)
    assert summary_of([0.3, 0.4], LossScale(baseline=1.0)) == summarize([0.3, 0.4], 1.0)


def test_one_trial_has_a_scale_of_its_own() -> None:
    """As `train` needs it: the best that is known lies half way to the baseline; a loss stays what it is."""
    assert scale_of([0.2, 0.3], maximize=False, baseline=1.0) == LossScale(baseline=1.0)
    scale = scale_of([0.8, 0.8, nan], maximize=True, baseline=0.5)
    assert scale.loss(0.8) == pytest.approx(scale.limit / 2)
    assert scale_of([nan], maximize=True, baseline=0.5).zero is None


def test_where_every_seed_of_the_best_failed_nothing_is_recommended(tmp_path: Path) -> None:
    """And where no run beat the baseline, the direction is doubted."""
    ledger = played(tmp_path / "q", lambda loss: 1 - loss, {"baseline": 0.5})
    results = gather(ledger)
    assert results.best is None
    (said,) = answer(results)
    assert "Every seed of the best trial" in said
    assert "score.direction: maximize (now minimize)" in said
    assert direction_hint(ledger) in nothing_found(results)
    fine = played(tmp_path / "fine", lambda loss: loss, {})
    assert direction_hint(fine) == ""


@pytest.mark.parametrize("maximize", [False, True])
def test_without_a_baseline_who_loses_fewer_seeds_leads(tmp_path: Path, *, maximize: bool) -> None:
    """Lost seeds rank a trial behind all that lost fewer, and among equals the better leads; nothing is infinite."""
    sign = -1.0 if maximize else 1.0

    def losing(value: float) -> float:
        return nan if value > 0.0272 and str(value)[-1] in "13579" else sign * value

    score = {"direction": "maximize" if maximize else "minimize"}
    ledger = played(tmp_path / "q", losing, score, told=False, search={"method": "random", "trials": 24, "seed": 4})
    first = [trial.reached[0] for trial in ledger.trials if 0 in trial.reached]
    assert all(isfinite(reached.score) for reached in first)
    lost = [(sum(map(isnan, reached.losses.values())) / len(reached.losses), reached.score) for reached in first]
    assert len({share for share, _ in lost}) > 1
    assert [share for share, _ in sorted(lost, key=lambda pair: pair[1])] == sorted(share for share, _ in lost)


@pytest.mark.parametrize("value", [0.0, 1e200, -1e200, 1.7e308, 1e-300])
@pytest.mark.parametrize("score", [{}, {"baseline": 0.0}, {"direction": "maximize", "baseline": 0.0}])
def test_no_value_ends_a_study(tmp_path: Path, value: float, score: dict[str, Any]) -> None:
    """The same number everywhere, however large, and a baseline of 0: it comes to its end and can be looked at."""
    ledger = played(tmp_path / "q", lambda _: value, score, told=False, search={"trials": 9})
    results = gather(ledger)
    assert answer(results)
    assert status(ledger)["state"] == "finished"
    assert all(not isnan(one.score) for one in results.ranked)
