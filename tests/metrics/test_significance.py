"""Cost magnets and strategically significant customers on every engine, by hand."""

import pandas as pd
import pytest

from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.metrics import significance
from crmkit.testing import assert_parity, to_pandas


def base():
    return pd.DataFrame(
        {
            "customer_id": [1, 2, 3, 4, 5],
            "lifetime_value": [500.0, 300.0, 300.0, None, -10.0],
            "followers": [0.0, 3.0, None, 12.0, 0.0],
            "improvements": [0, 0, 2, 0, 0],
            "activity_quantity": [300.0, 300.0, 350.0, 0.0, 50.0],
            "fixed_cost": [450.0, 400.0, 40.0, 100.0, 10.0],
        }
    )


def test_cost_magnets_on_every_engine():
    expected = pd.DataFrame(
        [
            [1, 0.3, 0.45, 1.5, True],
            [2, 0.3, 0.4, 4 / 3, True],
            [3, 0.35, 0.04, 4 / 35, False],
            [4, 0.0, 0.1, None, True],
            [5, 0.05, 0.01, 0.2, False],
        ],
        columns=["customer_id", "activity_share", "fixed_cost_share", "magnet_ratio", "cost_magnet"],
    )
    assert_parity(significance.cost_magnets, base(), expected=expected, keys=["customer_id"], crossing=3)


def test_limits_of_a_magnet_can_be_replaced():
    def flags(**limits):
        return significance.cost_magnets(base(), **limits)["cost_magnet"].tolist()

    assert flags(min_ratio=1.5) == [True, False, False, True, False]
    assert flags(min_fixed_share=0.2) == [True, True, False, False, False]
    nothing = base().assign(fixed_cost=0.0, activity_quantity=0.0)
    table = significance.cost_magnets(nothing, min_fixed_share=0)
    assert table[["activity_share", "fixed_cost_share", "magnet_ratio"]].isna().all(axis=None)
    assert not table["cost_magnet"].any()


def test_significant_customers_on_every_engine():
    high, many, new, magnet = "high lifetime value", "benchmark", "inspiration", "cost magnet"
    rows = []
    for who, value, flag in [
        (1, 500, True),
        (2, 300, True),
        (3, 300, True),
        (4, None, False),
        (5, -10, False),
    ]:
        rows.append([who, high, flag, "lifetime_value", value, 300.0])
    for who, value, flag in [(1, 0, False), (2, 3, False), (3, None, False), (4, 12, True), (5, 0, False)]:
        rows.append([who, many, flag, "followers", value, 5.0])
    for who, value in enumerate([0, 0, 2, 0, 0], start=1):
        rows.append([who, new, value > 0, "improvements", value, 1.0])
    ratios = [(1, 1.5, True), (2, 4 / 3, True), (3, 4 / 35, False), (4, None, True), (5, 0.2, False)]
    for who, value, flag in ratios:
        rows.append([who, magnet, flag, "magnet_ratio", value, 1.2])
    columns = ["customer_id", "significance", "significant", "evidence", "value", "threshold"]
    assert_parity(
        lambda frame: significance.significant_customers(frame, top_share=0.5, min_followers=5),
        base(),
        expected=pd.DataFrame(rows, columns=columns),
        keys=["customer_id", "significance"],
        crossing=8,
    )


def test_only_kinds_with_evidence_are_judged(engine):
    some = significance.significant_customers(engine(base()[["customer_id", "improvements"]]))
    flags = to_pandas(some).sort_values("customer_id")
    assert flags["significance"].unique().tolist() == ["inspiration"]
    assert flags["significant"].tolist() == [False, False, True, False, False]


def test_a_loss_is_no_threshold():
    flags = significance.significant_customers(
        pd.DataFrame({"customer_id": ["a", "b"], "lifetime_value": [-1.0, -5.0]})
    )
    assert flags["threshold"].tolist() == [0, 0]
    assert not flags["significant"].any()


def test_without_value_or_rows_nobody_is_significant():
    unknown = base()[["customer_id"]].assign(lifetime_value=float("nan"))
    assert not significance.significant_customers(unknown)["significant"].any()
    assert significance.significant_customers(base().head(0)).empty


def test_unfit_tables_are_refused():
    flags, magnets = significance.significant_customers, significance.cost_magnets
    with pytest.raises(ColumnError, match="must have evidence: one of the columns 'lifetime_value', 'foll"):
        flags(base()[["customer_id"]])
    with pytest.raises(ColumnError, match="must have the column 'fixed_cost'"):
        flags(base().drop(columns="fixed_cost"))
    with pytest.raises(DataError, match="5 of 5 rows with a repeated customer_id"):
        flags(base().assign(customer_id=1))
    with pytest.raises(DataError, match="1 of 5 rows with a negative followers"):
        flags(base().assign(followers=[-1, 0, 0, 0, 0]))
    with pytest.raises(DataError, match="5 of 5 rows with no fixed_cost"):
        magnets(base().assign(fixed_cost=float("nan")))
    with pytest.raises(DataError, match=r"5 of 5 rows with a fixed_cost above 1e\+15"):
        magnets(base().assign(fixed_cost=1e14))
    with pytest.raises(ParameterError, match="`min_ratio` must be a finite number at least 1"):
        magnets(base(), min_ratio=0.5)
    with pytest.raises(ParameterError, match="`min_fixed_share`"):
        magnets(base(), min_fixed_share=2)
    with pytest.raises(ParameterError, match="`min_followers` must be an integer at least 1"):
        flags(base(), min_followers=0)
