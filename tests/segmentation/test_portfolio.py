"""Migration between two dates: by hand on every engine, reconciliation, entered and left, bad input."""

import numpy as np
import pandas as pd
import pytest

from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.segmentation import migration
from crmkit.testing import assert_parity, available, to_engine

CELLS = ["invest", "nurture", "sack"]
COLUMNS = ["cell_before", "cell_after", "movement", "customers", "customer_share"]
MONEY = ["value_before", "value_after", "value_change", "missing_values"]


def portfolio(seed, customers=range(40), rows=30):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "customer_id": rng.choice(list(customers), rows, replace=False),
            "cell": rng.choice(CELLS, rows),
            "profit": rng.integers(-5000, 9000, rows) / 100,
        }
    )
    table.loc[rng.random(rows) < 0.1, "cell"] = None
    table.loc[rng.random(rows) < 0.1, "profit"] = np.nan
    return table


def by_hand(before, after):
    """Follow each customer with dictionaries."""
    first, second = (
        {row["customer_id"]: row for row in t.astype(object).where(t.notna(), None).to_dict("records")}
        for t in (before, after)
    )
    moves = {}
    for customer in {*first, *second}:
        old, new = first.get(customer), second.get(customer)
        ends = (old and old["cell"], new and new["cell"])
        movement = (
            "left"
            if new is None
            else "entered"
            if old is None
            else "moved"
            if ends[0] != ends[1]
            else "stayed"
        )
        sums = moves.setdefault((*ends, movement), [0, 0.0, 0.0, 0])
        sums[0] += 1
        sums[1] += (old and old["profit"]) or 0
        sums[2] += (new and new["profit"]) or 0
        sums[3] += any(side is not None and side["profit"] is None for side in (old, new))
    total = {}
    for (start, _, movement), sums in moves.items():
        group = (start, movement == "entered")
        total[group] = total.get(group, 0) + sums[0]
    lines = [
        (*move, n, n / total[move[0], move[2] == "entered"], old, new, new - old, missing)
        for move, (n, old, new, missing) in moves.items()
    ]
    return pd.DataFrame(lines, columns=[*COLUMNS, *MONEY])


def test_migration_on_every_engine():
    before, after = portfolio(1), portfolio(2)
    expected = by_hand(before, after)
    assert set(expected["movement"]) == {"stayed", "moved", "entered", "left"}
    assert expected["missing_values"].sum() > 0
    assert_parity(
        lambda one, two: migration(one, two, value="profit"),
        before,
        after,
        expected=expected,
        keys=["cell_before", "cell_after", "movement"],
        crossing=2,
    )


@pytest.mark.parametrize("seed", range(5))
def test_customers_and_money_reconcile(seed):
    before, after = portfolio(seed), portfolio(seed + 100)
    moved = migration(before, after, value="profit")
    assert moved["customers"].sum() == len({*before["customer_id"], *after["customer_id"]})
    there = moved[moved["movement"] != "entered"]
    assert there["customers"].sum() == len(before)
    assert there.groupby("cell_before", dropna=False)["customer_share"].sum().tolist() == pytest.approx(
        [1] * there["cell_before"].nunique(dropna=False)
    )
    assert moved["value_before"].sum() == pytest.approx(before["profit"].sum())
    assert moved["value_after"].sum() == pytest.approx(after["profit"].sum())
    assert moved["value_change"].sum() == pytest.approx(after["profit"].sum() - before["profit"].sum())


def test_the_way_back_is_the_transposed_matrix():
    before, after = portfolio(3), portfolio(4)
    there, back = migration(before, after), migration(after, before)
    ends = ["cell_before", "cell_after", "customers"]
    turned = back.rename(columns={"cell_before": "cell_after", "cell_after": "cell_before"})
    kept = [frame[ends].fillna("").sort_values(ends).to_numpy().tolist() for frame in (there, turned)]
    assert kept[0] == kept[1]
    assert list(there.columns) == COLUMNS


def test_any_grouping_and_nobody():
    table = pd.DataFrame({"customer_id": ["a"], "segment": ["best"]})
    still = migration(table, table, cell="segment")
    assert still["movement"].tolist() == ["stayed"]
    assert still["customer_share"].tolist() == [1.0]
    assert migration(table.head(0), table.head(0), cell="segment").empty
    new = migration(table.head(0), table, cell="segment")
    assert new["movement"].tolist() == ["entered"]
    empty = pd.DataFrame({"customer_id": ["a"], "segment": [np.nan]})
    assert migration(empty, table, cell="segment")["movement"].tolist() == ["moved"]


def test_unfit_tables_are_refused():
    table = portfolio(1)
    with pytest.raises(DataError, match=r"`after`: 1 of 30 rows \(customers\) that stand in it more than"):
        migration(table, pd.concat([table, table.head(1)]))
    with pytest.raises(DataError, match="`before`: 1 of 1 rows without a customer_id"):
        migration(pd.DataFrame({"customer_id": [None], "cell": ["sack"]}, dtype="str"), table)
    with pytest.raises(ColumnError, match="'customer_id' of the type that `before` has"):
        migration(table, table.assign(customer_id=table["customer_id"].astype(str)))
    with pytest.raises(ColumnError, match="`before` must have texts in 'cell'. Got the type Int64"):
        migration(table.assign(cell=1), table)
    with pytest.raises(ColumnError, match="must have the column 'segment'"):
        migration(table, table, cell="segment")
    other = to_engine(table, "polars") if available("polars") is None else None
    with pytest.raises(ParameterError, match="`after` must be a (frame of pandas|DataFrame)"):
        migration(table, other)
    with pytest.raises(ParameterError, match="`value` must be a column name"):
        migration(table, table, value=3)
    for names in ({"value": "cell"}, {"value": "customer_id"}, {"cell": "customer_id"}):
        with pytest.raises(ParameterError, match="`columns` must be distinct"):
            migration(table, table, **names)
