"""What a check concludes from short trainings that are made up: each item, with and without its fault."""

from dataclasses import replace
from math import inf, nan

import pytest

from tests.fakes.short_trainings import (
    EPOCHS,
    HEALTHY_FEATURES,
    SEEDS,
    changed,
    epochs,
    falling,
    healthy,
    items,
    judged_on_validation,
    study,
    training,
    with_features,
)
from tune.scoring.check.measured import Probed, Seeding
from tune.scoring.check.verdict import in_words, verdict_of


def test_a_healthy_study_goes() -> None:
    """Nothing is warned of, and what cannot be asked is said to be unknown, not passed."""
    probed = changed("whole", epochs=with_features(**HEALTHY_FEATURES))
    found = items(probed, slots=2, host_bytes=10**10, disk_bytes=10**10)
    assert {name for name, item in found.items() if item.verdict not in ("go", "unknown")} == set()
    assert {name for name, item in found.items() if item.verdict == "unknown"} == {"gradient norm", "schedule"}
    assert in_words(verdict_of([*found.values()]), found.values()) == "go"


FAULTS: list[tuple[str, list[Probed], str, str, str]] = [
    (
        "dies before its first epoch",
        [training("whole", epochs=[], died="No module named 'mine'", kind="mistake")],
        *("imports", "no-go", "No module named 'mine'"),
    ),
    (
        "differs when repeated",
        changed("again", epochs=epochs({1: [v * 1.00003 for v in falling(1)], 2: falling(2)})),
        *("determinism", "warning", "differ by 3e-05"),
    ),
    (
        "seeds ignored",
        changed("whole", epochs=epochs({1: falling(1), 2: falling(1)})),
        *("seeds differ", "no-go", "seeds 1 and 2 gave the same values"),
    ),
    (
        "seeds share a state",
        changed("alone", epochs=epochs({1: [v * 1.1 for v in falling(1)]})),
        *("seeds apart", "no-go", "seed 1 alone differs from seed 1 beside others by 0.091"),
    ),
    (
        "order of data shared",
        changed("alone", "other", seedings=[Seeding("numpy.random.default_rng", 0, "train.py:9")]),
        *("random generators", "warning", "train.py:9"),
    ),
    (
        "another when continued",
        changed("second_half", epochs=epochs({1: falling(1)[4:], 2: falling(1)[4:]}, first=5)),
        *("continues", "no-go", "4 epochs, saved, continued to 8 differ from 8 epochs by"),
    ),
    (
        "cannot be continued",
        changed("second_half", epochs=[], died="KeyError: 'optimizer'", kind="crashed"),
        *("continues", "no-go", "KeyError: 'optimizer'"),
    ),
    (
        "cannot be evaluated",
        changed("second_half", evaluation=None, evaluation_died="RuntimeError: size mismatch"),
        *("evaluation", "no-go", "of a loaded checkpoint died: RuntimeError: size mismatch"),
    ),
    (
        "metric not told",
        changed("whole", epochs=[replace(one, metrics={"loss": [0.1, 0.2]}) for one in training("whole").epochs]),
        *("metric told", "no-go", "validation_loss is not told in epoch 8; told are: loss"),
    ),
    (
        "test is validation",
        changed("whole", epochs=judged_on_validation()),
        *("splits", "no-go", "validation_loss and test_loss are the same in every epoch and seed"),
    ),
    (
        "rows in two splits",
        changed("whole", overlaps={"validation in train": 0.3}),
        *("splits", "warning", "30.0% of validation in train"),
    ),
    (
        "baseline never beaten",
        [replace(one, baseline={"validation_loss": 0.001}) for one in healthy()],
        *("baseline", "warning", "nobody beats the baseline"),
    ),
    (
        "does not learn",
        [replace(one, epochs=epochs({seed: [1.0 + seed] * EPOCHS for seed in one.seeds})) for one in healthy()],
        *("loss drop", "no-go", "did not get better in 8 epochs at any of 3 settings"),
    ),
    (
        "learns little",
        [
            replace(one, epochs=epochs({seed: [1 - 0.01 * e + seed for e in range(EPOCHS)] for seed in one.seeds}))
            for one in healthy()
        ],
        *("loss drop", "warning", "fell by"),
    ),
    (
        "diverges at an end",
        [
            replace(one, epochs=epochs({1: [0.5, nan], 2: [0.5, inf]})) if one.parameters == {"x": 1.0} else one
            for one in healthy()
        ],
        *("divergence", "warning", "x = 1.0: 2 of 2 seeds in epoch 2"),
    ),
    (
        "diverges in the middle",
        [replace(one, epochs=epochs({seed: [0.5 + seed, nan] for seed in one.seeds})) for one in healthy()],
        *("divergence", "no-go", "not finite in the middle"),
    ),
    (
        "dies at an end",
        [replace(one, died="ValueError: odd", kind="crashed") if one.purpose == "corner" else one for one in healthy()],
        *("settings", "warning", "2 of 3 died: x = 1.0: ValueError: odd"),
    ),
    (
        "spikes",
        changed("whole", epochs=epochs({1: falling(1), 2: [0.9, 0.5, 0.4, 5.0, 0.3, 0.2, 0.2, 0.2]})),
        *("spikes", "warning", "seed 2 in epoch 4 (0.4 to 5)"),
    ),
    (
        "gradients explode",
        changed(
            "whole",
            epochs=epochs({s: falling(s) for s in SEEDS}, extra={"grad_norm": [10.0**e for e in range(EPOCHS)]}),  # type: ignore[dict-item]
        ),
        *("gradient norm", "warning", "grad_norm 1 to 1e+07: it grows 1000000 times"),
    ),
    (
        "schedule is over early",
        changed(
            "whole",
            epochs=epochs({s: falling(s) for s in SEEDS}, extra={"lr": [1.0, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]}),  # type: ignore[dict-item]
        ),
        *("schedule", "warning", "after 2 of 6 epochs the rate is at 20% of its highest: early rungs judge another"),
    ),
    (
        "features collapse",
        changed("whole", epochs=with_features(effective_rank=2.0, effective_rank_share=2 / 64, feature_cosine=0.99)),
        *("collapse", "warning", "effective rank 2.0 of 64 dimensions (3%"),
    ),
    (
        "uneven",
        changed(
            "whole", epochs=epochs({s: falling(s) for s in SEEDS}, seconds=[1.0, 1.0, 3.0, 1.0, 3.0, 1.0, 3.0, 1.0])
        ),
        *("speed", "warning", "variation 5"),
    ),
    (
        "slows down",
        changed(
            "whole", epochs=epochs({s: falling(s) for s in SEEDS}, seconds=[1.0, 1.0, 1.0, 1.2, 1.5, 2.0, 2.0, 2.0])
        ),
        *("drift", "warning", "the last epochs take 2.00 times as long"),
    ),
    (
        "starts slowly",
        changed("whole", epochs=epochs({s: falling(s) for s in SEEDS}, seconds=[30.0, *[1.0] * 7])),
        *("slow start", "warning", "the first epoch takes 30.0 times the usual"),
    ),
    (
        "waits",
        changed("whole", epochs=epochs({s: falling(s) for s in SEEDS}, cpu_seconds=0.1)),
        *("waiting", "warning", "processors are busy for 10% of one core"),
    ),
    (
        "out of memory at an end",
        [
            replace(one, epochs=[], died="MemoryError: ", kind="out_of_memory") if one.parameters == {"x": 1.0} else one
            for one in healthy()
        ],
        *("memory", "warning", "out of memory at x = 1.0"),
    ),
    (
        "leaks",
        changed(
            "whole",
            epochs=epochs({s: falling(s) for s in SEEDS}, host_bytes=[10**8 + 10**7 * e for e in range(EPOCHS)]),
        ),
        *("leak", "warning", "memory grows by 10 MB per epoch: 60 MB in 6 epochs"),
    ),
]


@pytest.mark.parametrize(
    ("probed", "name", "verdict", "words"), [one[1:] for one in FAULTS], ids=[f[0] for f in FAULTS]
)
def test_a_fault_is_named(probed: list[Probed], name: str, verdict: str, words: str) -> None:
    """Each fault is found by its item, in words that lead to the cause, with what to do; no other says no-go."""
    found = items(probed)
    assert found[name].verdict == verdict
    assert words in found[name].measured
    assert found[name].advice
    others = {other for other, item in found.items() if item.verdict == "no-go" and other != name}
    assert others <= {"loss drop", "metric told"}


def test_too_many_at_once_for_the_memory() -> None:
    """What one trial takes, times how many train at once, is held against the machine."""
    found = items(healthy(), slots=64, host_bytes=10**9)["memory"]
    assert found.verdict == "no-go"
    assert "6.4 GB for 64 trials at once" in found.measured


def test_a_metric_that_is_maximised_is_judged_the_other_way_round() -> None:
    """A rising accuracy is a gain, and a falling one is none."""
    rising = {seed: [0.5 + 0.05 * e + 0.001 * seed for e in range(EPOCHS)] for seed in SEEDS}
    asked = study(score={"direction": "maximize", "baseline": 0.4})
    up = [replace(one, epochs=epochs(rising)) for one in healthy()[:1]]
    assert items(up, asked)["loss drop"].verdict == "go"
    assert items(up, asked)["baseline"].verdict == "go"
    down = [replace(one, epochs=epochs({s: v[::-1] for s, v in rising.items()})) for one in healthy()[:1]]
    assert items(down, asked)["loss drop"].verdict == "no-go"


def test_a_training_that_is_too_short_is_not_said_to_be_busy() -> None:
    """Milliseconds show nothing of what a training waits for; it is not passed, and not warned about."""
    probed = changed("whole", epochs=epochs({s: falling(s) for s in SEEDS}, seconds=0.001, cpu_seconds=0.0))
    item = items(probed)["waiting"]
    assert (item.verdict, item.measured) == ("unknown", "0.007 s of training are too short to tell")
