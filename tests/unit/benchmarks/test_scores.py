"""Forms of the score against each other."""

import pytest

from benchmarks import scores
from benchmarks.scores import FORMS, Form, play
from tune.scoring.score import score


def test_a_study_is_scored_by_the_form_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A form that is put in place of the score judges every trial that reaches a rung."""
    asked: list[int] = []

    def counting(*given: object) -> float:
        asked.append(1)
        return score(*given)  # type: ignore[arg-type]

    counts: Form = counting
    monkeypatch.setitem(FORMS, "counting", counts)
    regret, fails = play("connectome-sgd", "counting", 0, 300)
    assert len(asked) > 10
    assert (regret, fails) == play("connectome-sgd", "default", 0, 300)


def test_forms_of_the_score_differ() -> None:
    """Each says something else of the same two seeds, one of which failed."""
    said = {name: form([0.2, 1.5], 1.0, scores.ScoreRule(), 0.1) for name, form in FORMS.items()}
    assert len({round(value, 6) for value in said.values()}) == len(said)
