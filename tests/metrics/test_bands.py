"""Pareto tables and the bands of customers, against sorted pandas columns."""

import itertools

import numpy as np
import pandas as pd
import pytest

from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.metrics import bands
from crmkit.testing import assert_parity, to_pandas


def base(customers=83, seed=9):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "customer_id": rng.permutation([f"c{i:03d}" for i in range(customers)]),
            "revenue": rng.integers(0, 50, customers) * 100.0,
            "profit": rng.integers(-40, 60, customers) / 4,
        }
    )


def test_pareto_on_every_engine():
    profit = base()
    total = profit["profit"].sum()
    ordered = profit.sort_values(["revenue", "customer_id"], ascending=[False, True])["profit"].to_numpy()
    ends = [0, 17, 33, 50, 66, 83]
    sums = [ordered[i:j].sum() for i, j in itertools.pairwise(ends)]
    expected = pd.DataFrame(
        {
            "band": range(1, 6),
            "from_share": [0.0, 0.2, 0.4, 0.6, 0.8],
            "to_share": [0.2, 0.4, 0.6, 0.8, 1.0],
            "customers": np.diff(ends),
            "profit": sums,
            "value_share": np.array(sums) / total,
            "cumulative_value_share": np.cumsum(sums) / total,
        }
    )
    assert_parity(
        lambda frame: bands.pareto(frame, cuts=(0.2, 0.4, 0.6, 0.8), rank_by="revenue"),
        profit,
        expected=expected,
        keys=["band"],
        crossing=3,
    )


def test_small_bases_have_empty_bands():
    two = pd.DataFrame({"customer_id": [1, 2], "profit": [3.0, 1.0]})
    table = bands.pareto(two, cuts=[0.1, 0.5, 1])
    assert table["customers"].tolist() == [0, 1, 1]
    assert table["profit"].tolist() == [0.0, 3.0, 1.0]


def test_bands_of_customers_on_every_engine():
    profit = base()
    ordered = profit.sort_values(["revenue", "customer_id"], ascending=[False, True])
    expected = pd.DataFrame(
        {
            "rank": np.arange(1, 84),
            "customer_id": ordered["customer_id"].to_numpy(),
            "revenue": ordered["revenue"].to_numpy(),
            "customer_share": np.arange(1, 84) / 83,
            "band": np.repeat([1, 2, 3, 4, 5], np.diff([0, 17, 33, 50, 66, 83])),
        }
    )
    assert_parity(
        lambda frame: bands.pareto_bands(frame, cuts=(0.2, 0.4, 0.6, 0.8), rank_by="revenue"),
        profit,
        expected=expected,
        keys=["rank"],
        crossing=3,
    )


@pytest.mark.parametrize("customers", [1, 2, 7, 40])
@pytest.mark.parametrize("cuts", [(0.2,), (0.1, 0.35, 0.8), (0.5, 1.0)])
def test_bands_add_up_to_the_pareto_table(customers, cuts):
    profit = base(customers, seed=customers)
    who = bands.pareto_bands(profit, cuts=cuts, rank_by="revenue")
    sums = who.merge(profit, on="customer_id").groupby("band")["profit"].agg(["size", "sum"])
    table = bands.pareto(profit, cuts=cuts, rank_by="revenue").set_index("band")
    filled = table[table["customers"] > 0]
    assert sums["size"].to_dict() == filled["customers"].to_dict()
    assert sums["sum"].to_dict() == filled["profit"].to_dict()


def test_without_a_total_there_are_no_shares(engine):
    losses = pd.DataFrame({"customer_id": ["a", "b"], "profit": [10.0, -10.0]})
    table = to_pandas(bands.pareto(engine(losses), cuts=(0.5,))).sort_values("band")
    assert table["profit"].tolist() == [10.0, -10.0]
    assert table[["value_share", "cumulative_value_share"]].isna().all(axis=None)


def test_without_customers_bands_are_empty():
    none = base().head(0)
    assert bands.pareto(none)["customers"].tolist() == [0, 0]
    assert bands.pareto_bands(none).empty


@pytest.mark.parametrize(
    ("cuts", "message"),
    [
        ((0.5, 0.2), "in strictly increasing order"),
        ((0.2, 0.2), "in strictly increasing order"),
        ((0.0, 0.5), "above 0 and at most 1"),
        (20, "above 0 and at most 1"),
    ],
)
def test_unfit_cuts_are_refused(cuts, message):
    with pytest.raises(ParameterError, match=message):
        bands.pareto(base(), cuts=cuts)
    with pytest.raises(ParameterError, match=message):
        bands.pareto_bands(base(), cuts=cuts)


def test_unfit_tables_are_refused():
    profit = base(4)
    with pytest.raises(ColumnError, match="must have the column 'profit'"):
        bands.pareto(profit.drop(columns="profit"))
    with pytest.raises(ColumnError, match="must have the column 'sales'"):
        bands.pareto_bands(profit, rank_by="sales")
    with pytest.raises(DataError, match="1 of 1 rows with a repeated customer_id"):
        bands.pareto_bands(profit.assign(customer_id="c"))
    with pytest.raises(ParameterError, match="`rank_by` must be a column name"):
        bands.pareto_bands(profit, rank_by=None)
