"""What a check concludes from short trainings that are made up: each item, with and without its fault."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf, nan
from typing import Any

import pytest

from tests.fakes.studies import quadratic_study
from tune.scoring.check.checked import Checked
from tune.scoring.check.items import Evidence, Item
from tune.scoring.check.measured import Epoch, Probed, Purpose, Seeding
from tune.scoring.check.verdict import in_words, judged, verdict_of
from tune.study.study import Study

SEEDS = (1, 2)
EPOCHS = 8
MIDDLE = {"x": 0.5}


def study(**changes: Any) -> Study:
    return quadratic_study(**changes)


def epochs(
    losses: Mapping[int, Sequence[float]], first: int = 1, extra: Mapping[str, float] | None = None, **of_epoch: Any
) -> list[Epoch]:
    """Epochs in which each seed has these losses, and everything else is as it should be."""
    count = len(next(iter(losses.values())))
    usual = {"seconds": 1.0, "cpu_seconds": 0.9, "host_bytes": 10**8, **of_epoch}
    found = []
    for place in range(count):
        at = {name: value[place] if isinstance(value, list) else value for name, value in usual.items()}
        metrics = {"validation_loss": [of_seed[place] for of_seed in losses.values()]}
        metrics |= {
            name: [value[place] if isinstance(value, list) else value] * len(losses)
            for name, value in (extra or {}).items()
        }
        found.append(Epoch(first + place, metrics=metrics, **at))
    return found


def falling(seed: int) -> list[float]:
    return [0.9 * 0.8**epoch + 0.01 * seed for epoch in range(EPOCHS)]


def training(purpose: Purpose, seeds: Sequence[int] = SEEDS, **changes: Any) -> Probed:
    """A healthy short training for a purpose."""
    told = epochs({seed: falling(seed) for seed in seeds})
    first = {"second_half": EPOCHS // 2}.get(purpose, 0)
    last = {"first_half": EPOCHS // 2}.get(purpose, EPOCHS)
    usual: dict[str, Any] = {
        "epochs": told[first:last],
        "start_s": 1.0,
        "baseline": {"validation_loss": 1.0},
        "state_bytes": 1000,
        "peak_bytes": 10**8,
        "seedings": (Seeding("numpy.random.default_rng", seeds[0], "train.py:3"),)
        if purpose in ("alone", "other")
        else None,
        "overlaps": {"validation in train": 0.0} if purpose == "whole" else None,
    }
    return Probed(purpose, MIDDLE, MIDDLE, tuple(seeds), first, last, **{**usual, **changes})


def healthy() -> list[Probed]:
    return [
        training("whole"),
        training("again"),
        training("first_half"),
        training("second_half", evaluation={"test_loss": [0.1, 0.2]}, evaluation_s=0.1),
        training("alone", SEEDS[:1]),
        training("other", SEEDS[1:]),
        replace(training("corner"), parameters={"x": 1.0}),
        replace(training("corner"), parameters={"x": 0.0}),
    ]


def items(probed: Sequence[Probed], asked: Study | None = None, **machine: float) -> dict[str, Item]:
    found = judged(Evidence(asked or study(), probed, machine))
    assert len({item.name for item in found}) == len(found)
    return {item.name: item for item in found}


def changed(*purposes: Purpose, **changes: Any) -> list[Probed]:
    """A healthy study's trainings, but for those of some purposes."""
    return [replace(one, **changes) if one.purpose in purposes else one for one in healthy()]


def with_features(**columns: float) -> list[Epoch]:
    """Epochs of which each has these columns of its features."""
    return epochs({seed: falling(seed) for seed in SEEDS}, extra=columns)


HEALTHY_FEATURES = {"effective_rank": 20.0, "effective_rank_share": 20 / 32, "feature_cosine": 0.1}


def judged_on_validation() -> list[Epoch]:
    """Epochs whose test losses are the validation losses."""
    told = training("whole").epochs
    return [replace(one, metrics={**one.metrics, "test_loss": one.metrics["validation_loss"]}) for one in told]


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


@pytest.mark.parametrize("told_at", [(5,), (3, 6), (8,)])
def test_a_metric_that_is_told_every_few_epochs_is_told(told_at: tuple[int, ...]) -> None:
    """A validation every few epochs is no mistake, wherever short trainings end between them."""
    rungs = [{"epochs": told_at[-1], "seeds": 2}, {"epochs": 20, "seeds": 2}]
    probed = [replace(one, epochs=[_kept_at(told_at, epoch) for epoch in one.epochs]) for one in healthy()]
    assert items(probed, study(rungs=rungs))["metric told"].verdict == "go"
    missed = study(rungs=[{"epochs": 7, "seeds": 2}, {"epochs": 20, "seeds": 2}])
    expected = "go" if told_at == (8,) else "no-go"
    assert items(probed, missed)["metric told"].verdict == expected


def test_a_metric_that_has_another_name_beyond_the_first_rung() -> None:
    """What every epoch of the first rung tells and the next one does not is missed there."""
    climb = training("climb", SEEDS[:1])
    renamed = [*climb.epochs[:-1], replace(climb.epochs[-1], metrics={"loss": [0.1]})]
    found = items([*healthy(), replace(climb, epochs=renamed)])["metric told"]
    assert found.verdict == "no-go"
    assert "is not told in epoch 8, beyond the first rung; told are: loss" in found.measured


def _kept_at(told_at: tuple[int, ...], epoch: Epoch) -> Epoch:
    """An epoch whose metrics are known only at some numbers."""
    return epoch if epoch.number in told_at else replace(epoch, metrics={"validation_loss": [None] * 2, "loss": [1, 2]})


def test_a_coarse_metric_may_be_the_same_by_chance() -> None:
    """Seeds and splits of one accuracy are no copies where seeds differ at other settings."""
    same = [Epoch(1, 1.0, 1.0, {"validation_loss": [0.25, 0.25], "test_loss": [0.25, 0.25]})]
    found = items(changed("whole", epochs=same))
    assert found["seeds differ"].verdict == "go"
    assert found["splits"].verdict != "no-go"
    everywhere = [replace(one, epochs=same) if len(one.seeds) == 2 else one for one in healthy()]
    assert items(everywhere)["seeds differ"].verdict == "no-go"


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


def test_a_check_is_plain_data_and_back() -> None:
    """What is kept in a ledger comes back the same; what is of another version or damaged is no check."""
    found = Checked("s", "ray", 2, 8, 1.5, 3.0, [*items(healthy()).values()], {"wall_clock_s": [1, 2, 3]}, "abc")
    assert Checked.of(found.plain) == found
    first = found.plain["items"][0]
    damaged: Any
    damaged_estimates: Any = (
        3,
        [],
        {"wall_clock_s": [1, 2]},
        {"trials": [1, nan, 2]},
        {"money": "dear"},
        {"options": [1]},
    )
    for damaged in (
        *(None, [], {}, {"items": 3}, {**found.plain, "items": [{"name": "x"}]}, {"items": []}),
        *({**found.plain, "items": [{**first, **wrong}]} for wrong in ({"verdict": "fine"}, {"measured": 3})),
        *({**found.plain, **wrong} for wrong in ({"seconds": "1"}, {"at": nan}, {"slots": None}, {"study": ["s"]})),
        *({**found.plain, "estimate": wrong} for wrong in damaged_estimates),
        {**found.plain, "estimate": {"options": {"a third": {"trials": 1}}}},
    ):
        assert Checked.of(damaged) is None
