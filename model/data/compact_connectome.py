"""Compact the fly visual system's wiring into ``connectome.npz``.

Usage: ``python -m model.data.compact_connectome path/to/fib25-fib19_v2.2.json [out.npz]``. The JSON
is the one inside the package ``flyvis`` 1.2.0. ``model/data/README.md`` describes the arrays written.
"""

import json
import sys
from pathlib import Path

import numpy as np


def compact(source: Path, out: Path) -> None:
    """Write the arrays that :func:`model.recording.connectome.load_wiring` reads.

    Args:
        source: the JSON file of flyvis 1.2.0 (keys ``nodes``, ``edges``, ``input_units``).
        out: the ``.npz`` to write; the same source always gives the same arrays.
    """
    wiring = json.loads(source.read_text(encoding="utf-8"))
    names = [node["name"] for node in wiring["nodes"]]
    index = {name: i for i, name in enumerate(names)}
    edges = wiring["edges"]
    offsets = [(pair, du, dv, count) for pair, edge in enumerate(edges) for (du, dv), count in edge["offsets"]]
    np.savez_compressed(
        out,
        allow_pickle=False,
        type_name=np.array(names),
        type_stride=np.array([node["pattern"][1] for node in wiring["nodes"]], dtype=np.int8),
        input_type=np.array([index[name] for name in wiring["input_units"]], dtype=np.int8),
        pair_source=np.array([index[edge["src"]] for edge in edges], dtype=np.int8),
        pair_target=np.array([index[edge["tar"]] for edge in edges], dtype=np.int8),
        pair_sign=np.array([edge["alpha"] for edge in edges], dtype=np.int8),
        offset_pair=np.array([row[0] for row in offsets], dtype=np.int16),
        offset_uv=np.array([row[1:3] for row in offsets], dtype=np.int8),
        offset_count=np.array([row[3] for row in offsets], dtype=np.float64),
    )


if __name__ == "__main__":
    compact(Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2:] else Path(__file__).with_name("connectome.npz"))
