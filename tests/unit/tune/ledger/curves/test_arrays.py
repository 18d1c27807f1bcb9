"""Columns between Arrow and NumPy: the same as Arrow's own ways, which would import pandas."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.ledger.curves.arrays import array_of, floats_of, mask_of, nulls_of, values_of

KINDS = {pa.int32(): np.int32, pa.int64(): np.int64, pa.float64(): np.float64}


@given(
    kind=st.sampled_from(list(KINDS)),
    chunks=st.lists(st.lists(st.none() | st.integers(-(2**31), 2**31 - 1), max_size=20), max_size=4),
    start=st.integers(0, 30),
)
def test_a_column_is_read_and_made_as_arrow_does(kind: pa.DataType, chunks: list[list[int | None]], start: int) -> None:
    """Whatever the type, the nulls, the chunks and where a slice of them begins."""
    column = pa.chunked_array([pa.array(values, kind) for values in chunks], kind).slice(start)
    told = column.to_pylist()
    values, null = values_of(column), nulls_of(column)
    assert null.tolist() == [value is None for value in told]
    assert values[~null].tolist() == [value for value in told if value is not None]
    assert np.isnan(floats_of(column)).tolist() == null.tolist()
    again = array_of(values, null)
    again.validate(full=True)
    assert again.equals(pa.array(told, kind))
    assert again.null_count == sum(null)
    assert mask_of(null).equals(pa.array(null))


def test_a_type_that_no_column_has_is_refused() -> None:
    """Half the width would be read as twice as many numbers."""
    with pytest.raises(KeyError):
        array_of(np.zeros(3, np.float32))
