import json
from pathlib import Path

import numpy as np
import pytest

from model.data.compact_connectome import compact
from model.recording.connectome import hexagon, load_wiring, unroll

# extent, neurons, connections, photoreceptors
COUNTS = [(1, 443, 7_698, 56), (2, 1_203, 26_636, 152), (3, 2_345, 57_663, 296), (4, 3_865, 100_540, 488)]
COUNTS += [(8, 13_741, 390_798, 1_736)]


@pytest.mark.parametrize(("extent", "neurons", "connections", "photoreceptors"), COUNTS)
def test_counts_match_the_published_table(extent: int, neurons: int, connections: int, photoreceptors: int) -> None:
    """Every extent unrolls to the published numbers of neurons, connections and photoreceptors."""
    circuit = unroll(extent)
    assert (circuit.neurons, circuit.weights.nnz, len(circuit.photoreceptors)) == (neurons, connections, photoreceptors)
    assert circuit.weights.dtype == np.float32


def test_photoreceptors_come_first() -> None:
    """Photoreceptors are the first neurons, as in the published layout's STIMULUS column."""
    assert unroll(2).photoreceptors.tolist() == list(range(152))


def test_one_connection_carries_its_published_weight() -> None:
    """R1 inhibits L1 in its own column, with the strength of a pair that has a single offset: 0.01."""
    circuit, names = unroll(1), load_wiring().type_name.tolist()
    r1, l1 = (np.flatnonzero(circuit.neuron_type == names.index(name)) for name in ("R1", "L1"))
    block = circuit.weights[l1][:, r1].toarray()
    assert np.array_equal(block, np.float32(-0.01) * np.eye(7, dtype=np.float32))


def test_a_hexagon_of_radius_two_is_nineteen_columns_in_order() -> None:
    """The grid lists its columns by u, then v."""
    rows = {u: [v for w, v in hexagon(2).tolist() if w == u] for u in range(-2, 3)}
    assert rows == {
        -2: [0, 1, 2],
        -1: [-1, 0, 1, 2],
        0: [-2, -1, 0, 1, 2],
        1: [-2, -1, 0, 1],
        2: [-2, -1, 0],
    }


@pytest.mark.parametrize("extent", [0, 16])
def test_an_extent_out_of_range_is_refused(extent: int) -> None:
    """Extents outside 1 .. 15 are refused with the range."""
    with pytest.raises(ValueError, match=rf"^extent: got {extent}, allowed are whole numbers from 1 to 15$"):
        unroll(extent)


def test_compacting_keeps_what_the_source_says(tmp_path: Path) -> None:
    """The script writes the arrays that the reader expects, from the JSON's keys."""
    node = {"name": "R1", "pattern": ["stride", [1, 1]]}
    edge = {"src": "R1", "tar": "L1", "alpha": -1, "offsets": [[[0, -1], 40.5]]}
    wiring = {"nodes": [node, {"name": "L1", "pattern": ["stride", [3, 2]]}], "edges": [edge], "input_units": ["R1"]}
    (tmp_path / "wiring.json").write_text(json.dumps(wiring))
    compact(tmp_path / "wiring.json", tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz", allow_pickle=False) as arrays:
        assert {name: array.tolist() for name, array in arrays.items()} == {
            "type_name": ["R1", "L1"],
            "type_stride": [[1, 1], [3, 2]],
            "input_type": [0],
            "pair_source": [0],
            "pair_target": [1],
            "pair_sign": [-1],
            "offset_pair": [0],
            "offset_uv": [[0, -1]],
            "offset_count": [40.5],
        }
