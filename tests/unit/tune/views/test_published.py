"""The published sweep that chose wrongly, put to this tool: what it says of the same ten runs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.fakes.golden import GOLDEN
from tests.fakes.ledgers import latent_study, played
from tune.views.results import gather
from tune.views.sentences import answer

RUNS = json.loads((GOLDEN / "published_sweep.json").read_text())["runs"]


def published(parameters: Mapping[str, Any], seed: int, _: int) -> float:
    return float(RUNS[str(parameters["batch_size"])][str(seed)]["validation"])


def test_batch_512_is_preferred_and_said_why(tmp_path: Path) -> None:
    """Given the ten published runs the answer is batch 512, with what it beats and what one seed would have said."""
    study = latent_study(
        space={"batch_size": {"choice": [32, 512]}}, search={"method": "grid"}, rungs=[{"epochs": 1, "seeds": 5}]
    )
    which, expect, beats = answer(gather(played(tmp_path / "s", study, loss=published)))
    assert which == "Use batch_size 512: trial 1, the best of 2 confirmed trials (score 0.02854)."
    assert expect == (
        "Expect validation_loss 0.02568 ± 0.00062 over 5 seeds (95% interval of the mean 0.0236 to 0.02776), "
        "27.7% below the constant model (test loss 0.02619 on average); "
        "0 of 5 seeds failed (failure rate 0%, 95% interval 0 to 43%), reproducibility 0.98."
    )
    assert beats == (
        "It beats the runner-up, trial 0, which fails on seeds 12, 1234 and 12345; "
        "no trial that fails on some seed looked better on another."
    )
