"""Share of wallet: the published customers, every engine against plain Python, bad input."""

import numpy as np
import pandas as pd
import pytest

from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.segmentation import share_of_wallet
from crmkit.testing import assert_parity


def test_on_every_engine():
    pairs = [(1, 5), (2, 2), (0, 0), (0, 7), (None, 4), (3, None), (15, 100)]
    table = pd.DataFrame(
        [(f"c{i}", "x", *pair) for i, pair in enumerate(pairs)],
        columns=["customer_id", "note", "ours", "all"],
    )
    lines = [
        (
            (own / whole if whole else None) if None not in (own, whole) else None,
            whole - own if None not in (own, whole) else None,
            ((whole - own) / whole if whole else None) if None not in (own, whole) else None,
        )
        for own, whole in pairs
    ]
    added = pd.DataFrame(lines, columns=["share_of_wallet", "headroom", "headroom_share"])
    assert_parity(
        lambda frame: share_of_wallet(frame, here="ours", total="all"),
        table,
        expected=pd.concat([table, added], axis=1),
        keys=["customer_id"],
        crossing=1,
    )


def test_unfit_tables_are_refused():
    table = pd.DataFrame({"bought_here": [1.0, 2.0, -1.0], "bought_in_all": [2.0, 1.0, np.inf]})
    message = "1 of 3 rows with a negative or infinite bought_here; 1 of 3 .* 1 of 3 rows with a bought_here"
    with pytest.raises(DataError, match=message):
        share_of_wallet(table)
    with pytest.raises(ColumnError, match="must not have the column 'headroom'"):
        share_of_wallet(table.assign(headroom=1))
    with pytest.raises(ColumnError, match="must have the column 'ours'"):
        share_of_wallet(table, here="ours")
    with pytest.raises(ParameterError, match="`total` must be a column name"):
        share_of_wallet(table, total=None)
    with pytest.raises(ParameterError, match="`total` must be another column"):
        share_of_wallet(table, total="bought_here")
