"""A study file with a mistake, or a file that is none: exit code 2, one message with the place, and nothing written."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.behaviour.command import here, write_study
from tests.behaviour.refusals import LATENT, STUDY, check_refused, snapshot, voltages

STUDY_MISTAKES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("misspelt key", {"seds": [1]}, ["study.yaml: 1 mistake\n", ": seds: unknown key; did you mean 'seeds'?"]),
    (
        "misspelt key of a section",
        {"search": {"trails": 3}},
        [": search.trails: unknown key; did you mean 'trials'?"],
    ),
    ("wrong type", {"seeds": "1, 2"}, [": seeds: must be a valid list, got str '1, 2'"]),
    (
        "wrong type in a section",
        {"search": {"trials": 2.5}},
        [": search.trials: must be a valid integer, got float 2.5"],
    ),
    (
        "text for a number",
        {"resources": {"cpus_per_trial": "all"}},
        [": resources.cpus_per_trial: must be a valid num"],
    ),
    ("zero trials", {"search": {"trials": 0}}, [": search.trials: must be greater than or equal to 1, got int 0"]),
    (
        "unknown method",
        {"search": {"method": "bayes"}},
        [": search.method: must be 'tpe', 'gp', 'random' or 'grid', got str 'ba"],
    ),
    ("no name", {"name": None}, [": name: must be a valid string, got NoneType None"]),
    (
        "name that leaves the folder",
        {"name": "../elsewhere"},
        [": name: '../elsewhere' is no name; allowed: a-z, 0-9, -, at most 63, the first of a-z, 0-9"],
    ),
    ("empty space", {"space": {}}, [": space: is empty; give at least one"]),
    (
        "unknown kind of parameter",
        {"space": {"x": {"unifrom": [0, 1]}}},
        [": space.x: a parameter is one of {log_unif"],
    ),
    (
        "low above high",
        {"space": {"x": {"uniform": [1, 0]}}},
        [": space.x: low must be below high, got [1, 0]; swap"],
    ),
    ("logarithm of zero", {"space": {"x": {"log_uniform": [0, 1]}}}, [": space.x"]),
    ("choice of nothing", {"space": {"x": {"choice": []}}}, [": space.x.choice: is empty; give at least one"]),
    ("the same choice twice", {"space": {"x": {"choice": [1, 1]}}}, [": space.x: each value once, got 1 twice"]),
    ("infinite bound", {"space": {"x": {"uniform": [0, float("inf")]}}}, [": space.x"]),
    ("parameter that is fixed too", {"fixed": {"x": 1}}, [": space.x: is also under `fixed`; keep one of the two"]),
    ("grid without points", {"search": {"method": "grid"}}, [": space.x: a grid needs countable parameters"]),
    (
        "condition on nothing",
        {"space": {"x": {"uniform": [0, 1], "when": {"y": 1}}}},
        [": space.x.when.y: is not under `space`"],
    ),
    (
        "conditions in a circle",
        {"space": {"x": {"choice": [1], "when": {"y": 1}}, "y": {"choice": [1], "when": {"x": 1}}}},
        [": conditions go in a circle, ", "x → y"],
    ),
    ("constraint that runs code", {"where": ["__import__('os')"]}, [": where.0: ", "may not stand in a condition"]),
    ("constraint on nothing", {"where": ["y < 1"]}, [": where.0: y is neither under `space` nor under `fixed`"]),
    ("constraint that nothing meets", {"where": ["x > 7"]}, [": where.0: nothing in the space satisfies 'x > 7'"]),
    ("step beyond the range", {"space": {"x": {"uniform": [0, 1], "step": 2}}}, [": space.x: step must be at most"]),
    ("prior outside", {"space": {"x": {"uniform": [0, 1], "prior": 2}}}, [": space.x: prior must be one of the"]),
    ("no earlier results", {"search": {"enqueue": "gone.csv"}}, [": search.enqueue: gone.csv: no such file or study"]),
    ("seeds repeated", {"seeds": [1, 2, 1]}, [": seeds: each seed once, got 1 twice"]),
    ("negative seed", {"seeds": [1, -2, 3]}, [": seeds.1: must be greater than or equal to 0, got int -2"]),
    (
        "seed that no generator takes",
        {"seeds": [1, 2, 2**63]},
        [": seeds.2: must be less than or equal to 9223372036854775807, got int 9223372036854775808"],
    ),
    (
        "seed of the search that no generator takes",
        {"search": {"seed": 2**64}},
        [": search.seed: must be less than or equal to 9223372036854775807, got int 18446744073709551616"],
    ),
    (
        "range beyond whole numbers",
        {"space": {"x": {"int": [0, 10**400]}}},
        [": space.x: bounds must lie within ±2^53 (9007199254740992), as samplers count in floats; got 1000"],
    ),
    ("no seeds", {"seeds": []}, [": seeds: is empty; give at least one"]),
    (
        "more seeds than there are",
        {"rungs": [{"epochs": 1, "seeds": 4}]},
        [": rungs.0.seeds: 4 seeds asked for, but `se"],
    ),
    ("no rungs", {"rungs": []}, [": rungs: is empty; give at least one"]),
    (
        "rung without epochs",
        {"rungs": [{"epochs": 0, "seeds": 1}]},
        [": rungs.0.epochs: must be greater than or equal to"],
    ),
    (
        "ladder that falls",
        {"rungs": [{"epochs": 4, "seeds": 1}, {"epochs": 2, "seeds": 1}]},
        [": rungs.1: the ladder must rise: 2 epochs x 1 seeds after 4 x 1"],
    ),
    ("duration without unit", {"budget": {"wall_clock": "30mn"}}, [": budget.wall_clock: a duration is written like"]),
    *(
        (
            f"{key} of {value!r}",
            {"budget": {"money": 5, "price_per_gpu_hour": 2, key: value}, "resources": {"gpus_per_trial": 1}},
            ["study.yaml: 1 mistake\n", f": budget.{key}: must be {said}"],
        )
        for key in ("money", "price_per_gpu_hour")
        for value, said in [
            (-1, "greater than 0, got int -1"),
            (0, "greater than 0, got int 0"),
            (float("nan"), "a finite number, got float nan"),
            (float("inf"), "a finite number, got float inf"),
            ("2.50 EUR", "a valid number, got str '2.50 EUR'"),
            ("2.50", "a valid number, got str '2.50'"),
        ]
    ),
    (
        "money without a price",
        {"budget": {"money": 5}, "resources": {"gpus_per_trial": 1}},
        [": budget.money: 5 buys nobody knows how much, because budget.price_per_gpu_hour is missing; give the price"],
    ),
    (
        "money without a GPU",
        {"budget": {"money": 5, "price_per_gpu_hour": 2}},
        [": budget.money: 5 would never be used, because resources.gpus_per_trial is 0; set that above 0, or give"],
    ),
    (
        "money where there is no GPU",
        {"budget": {"money": 5, "price_per_gpu_hour": 2}, "resources": {"gpus_per_trial": "auto"}},
        ["budget.money: 5 would never be used, because resources.gpus_per_trial is auto and there is no GPU here"],
    ),
    (
        "budget too small for one trial",
        {"budget": {"seed_epochs": 3}},
        [": budget.seed_epochs: 3 cannot confirm one tr"],
    ),
    ("checkpoints never", {"storage": {"checkpoints": "never"}}, [": storage.checkpoints: "]),
    ("database of no known kind", {"storage": {"database": "nosql://x"}}, ["the study's database cannot be opened"]),
    (
        "negative resources",
        {"resources": {"gpus_per_trial": -1}},
        [": resources.gpus_per_trial: must be greater than or"],
    ),
    ("trainer without colon", {"trainer": "model.trainer"}, [": trainer: String should match pattern"]),
    (
        "trainer's module missing",
        {"trainer": "no.such.thing:Class"},
        ["trainer: 'no.such.thing' cannot be imported from ", "ModuleNotFoundError: No module named 'no'"],
    ),
    (
        "trainer's attribute missing",
        {"trainer": "tests.fakes.trainers:Cubic"},
        ["trainer: module 'tests.fakes.trainers' has no 'Cubic' (got 'tests.fakes.trainers:Cubic')"],
    ),
    (
        "class that is no trainer",
        {"trainer": "pathlib:Path"},
        ["trainer: pathlib:Path is no trainer, it lacks train, state, baseline, close; see tune.trainer.Trainer"],
    ),
    (
        "module that raises on import",
        {"trainer": "explosive:Trainer"},
        ["trainer: 'explosive' cannot be imported from ", "ZeroDivisionError: division by zero"],
    ),
    (
        "module that leaves on import",
        {"trainer": "leaving:Trainer"},
        ["trainer: 'leaving' cannot be imported from ", "SystemExit"],
    ),
    (
        "trainer's key misspelt under fixed",
        {**LATENT, "fixed": {"hiden_units": 8}},
        ["study tiny: 1 mistake\n", "  fixed.hiden_units: unknown parameter: did you mean 'hidden_units'?"],
    ),
    (
        "trainer's key misspelt under space",
        {**LATENT, "space": {"learning_rat": {"uniform": [0.1, 0.2]}}},
        ["study tiny: 1 mistake\n", "  space.learning_rat: unknown parameter: did you mean 'learning_rate'?"],
    ),
    (
        "value that the trainer does not allow",
        {**LATENT, "space": {"learning_rate": {"uniform": [-1, -0.1]}}},
        ["study tiny: 2 mistakes\n", "  space.learning_rate: ", "got -1"],
    ),
    (
        "choice that the trainer does not allow",
        {**LATENT, "space": {"batch_size": {"choice": [0, -1]}}},
        ["  space.batch_size: ", "got 0"],
    ),
    ("type that the trainer does not allow", {**LATENT, "fixed": {"hidden_units": "many"}}, ["  fixed.hidden_units: "]),
    (
        "two of the trainer's",
        {**LATENT, "fixed": {"hiden_units": 8, "activation": "rellu"}},
        ["study tiny: 2 mistakes\n", "  fixed.hiden_units: ", "  fixed.activation: "],
    ),
]


@pytest.mark.parametrize(
    ("changes", "parts"), [case[1:] for case in STUDY_MISTAKES], ids=[c[0] for c in STUDY_MISTAKES]
)
def test_a_wrong_study_is_refused(cwd: Path, changes: dict[str, Any], parts: list[str]) -> None:
    """A mistake in the study is told with its place, and no folder is made."""
    write_study(cwd, **changes)
    (cwd / "explosive.py").write_text("1 / 0\n")
    (cwd / "leaving.py").write_text("raise SystemExit(0)\n")
    np.save(cwd / "voltages.npy", voltages())
    before = snapshot(cwd)
    check_refused(here(*STUDY), *parts)
    assert snapshot(cwd) == before


FILES: list[tuple[str, bytes | None, list[str]]] = [
    ("binary", bytes(range(256)), ["study.yaml: cannot be read: 'utf-8' codec can't decode"]),
    ("control characters", b"name: \x00\x01\n", ["study.yaml: 1 mistake\n  not YAML: "]),
    ("not YAML", b"name: [1, 2\nseeds: {", ["study.yaml: 1 mistake\n  line 2: not YAML: "]),
    ("empty", b"", ["study.yaml: 4 mistakes\n", "  name: is missing", "  seeds: is missing", "  rungs: is missing"]),
    ("a list", b"- 1\n- 2\n", ["study.yaml: 1 mistake\n  line 1: a mapping of keys to values is needed, got a list"]),
    (
        "a tag that would run code",
        b"name: !!python/object/apply:os.system ['touch owned']\n",
        ["study.yaml: 1 mistake\n  line 1: not YAML: could not determine a constructor for the tag"],
    ),
    (
        "a tag that would make an object",
        b"name: !!python/name:os.system\n",
        ["study.yaml: 1 mistake\n  line 1: not YAML: could not determine a constructor for the tag"],
    ),
    ("a key twice", b"name: a\nname: b\n", ["line 2: name: stands twice, first on line 1; keep one"]),
    ("far too large", b"#" * 2_000_000, ["study.yaml: 2,000,000 bytes is no study file; at most 1,000,000 are read"]),
    (
        "aliases that multiply",
        b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nname: tiny\n",
        ["study.yaml: ", "a: unknown key"],
    ),
    *(
        (f"a number that is two: {text}", f"name: tiny\nspace: {{x: {{choice: [1, {text}]}}}}\n".encode(), parts)
        for text, parts in [
            (
                "010",
                ["line 2: space.x.choice.1: 010 with a leading zero", "write 10, 0o10 for the octal number"],
            ),
            ("-007", ["line 2: space.x.choice.1: -007 with a leading zero", "write -7, -0o07 for the octal number"]),
            ("08", ["line 2: space.x.choice.1: 08 with a leading zero", "write 8, or '08' in quotes for text"]),
            ("1:30", ["space.x.choice.1: 1:30 would be 90, a number of base 60", "or '1:30' in quotes for text"]),
            ("2:00.5", ["space.x.choice.1: 2:00.5 would be 120.5, a number of base 60", "a duration like 1h 30min"]),
        ]
    ),
    ("a folder", None, ["study.yaml: no such file, and no study of that name comes with the package"]),
]


@pytest.mark.parametrize(("content", "parts"), [case[1:] for case in FILES], ids=[case[0] for case in FILES])
def test_a_file_that_is_no_study_is_refused(cwd: Path, content: bytes | None, parts: list[str]) -> None:
    """Whatever stands in the file is data: it is read or refused, never run."""
    if content is None:
        (cwd / "study.yaml").mkdir()
    else:
        (cwd / "study.yaml").write_bytes(content)
    before = snapshot(cwd)
    check_refused(here(*STUDY), *parts)
    assert snapshot(cwd) == before
