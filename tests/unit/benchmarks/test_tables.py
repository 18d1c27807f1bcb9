"""Tables: what is trained comes back from the Parquet file, number for number."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks import tables
from benchmarks.tables import EPOCHS, GRIDS, LOSSES, SEEDS, Grid
from benchmarks.tabular import Table, describe

GRID = Grid(
    recording={"simulate": {"extent": 1}},
    fixed={"hidden_units": 8},
    space={"learning_rate": (0.1, 0.2), "gradient_clipping": (None, 1.0), "use_batch_norm": (True, False)},
)


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Table:
    """A table of made-up curves, written and read; one run is lost."""
    monkeypatch.setattr(tables, "FOLDER", tmp_path)
    rng = np.random.default_rng(0)
    for index in range(len(GRID.configurations)):
        curves = {name: rng.random((EPOCHS, SEEDS), dtype=np.float32) for name in LOSSES}
        if index == 3:
            curves["validation_loss"][-1, 9] = np.nan
        np.savez(tmp_path / f"{index:04d}.npz", **curves, seconds=np.full(EPOCHS, index, dtype=np.float32))
    baseline = dict.fromkeys(LOSSES, 0.9)
    tables.write("made-up", GRID, tmp_path, baseline, "2.0")
    return Table.read(tmp_path / "made-up.parquet")


def test_a_table_comes_back(table: Table, tmp_path: Path) -> None:
    """Every curve of every run, the seconds, the baseline and the space are what was written."""
    for index, configuration in enumerate(GRID.configurations):
        stored = np.load(tmp_path / f"{index:04d}.npz")
        for seed in range(SEEDS):
            found = table.curves(configuration, seed)
            for name in LOSSES:
                np.testing.assert_array_equal(np.float32(found[name]), stored[name][:, seed])
        assert set(table.curves(configuration, 0)["seconds"]) == {float(index)}
    assert table.baseline == dict.fromkeys(LOSSES, 0.9)
    assert table.space["gradient_clipping"] == {"choice": [None, 1.0]}
    assert table.truths[3].fails == 1.0


def test_a_row_names_its_configuration(table: Table, tmp_path: Path) -> None:
    """The file can be read without this program: each row holds configuration, seed and epoch in plain columns."""
    row = pq.read_table(tmp_path / "made-up.parquet").slice(5 * SEEDS * EPOCHS, 1).to_pylist()[0]
    assert (row["configuration"], row["seed"], row["epoch"]) == (5, 0, 1)
    assert {name: row[name] for name in GRID.space} == table.configurations[5]


def test_a_table_describes_itself(table: Table) -> None:
    """Failing runs and rank correlations are said for all and for each setting of a switch."""
    text = "\n".join(describe(table))
    assert text.startswith("made-up: 8 configurations x 10 seeds x 27 epochs")
    assert "rank correlation with the end, use_batch_norm off: epoch 3: " in text


@pytest.mark.parametrize("name", GRIDS)
def test_every_grid_can_be_trained(name: str) -> None:
    """The trainer has nothing against any configuration of the tables, and there are at least 100."""
    from model.config import check_config

    grid = GRIDS[name]
    assert len(grid.configurations) >= 100
    for configuration in grid.configurations:
        assert check_config({**grid.fixed, **configuration}) == {}
