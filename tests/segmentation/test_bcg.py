"""Relative share and the balance of a portfolio, on every engine against plain Python."""

import numpy as np
import pandas as pd
import pytest

from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.segmentation import BCG, classify, portfolio_balance, relative_share
from crmkit.testing import assert_parity

CELLS = [cell.name for cell in BCG.cells]


def test_relative_share_on_every_engine():
    table = pd.DataFrame(
        {
            "product": list("abcdef"),
            "market_share": [30.0, 10.0, 0.0, 5.0, np.nan, 20.0],
            "largest_competitor_share": [15, 40, 10, 0, 10, 20],
        }
    )
    expected = table.assign(relative_share=[2.0, 0.25, 0.0, None, None, 1.0])
    assert_parity(relative_share, table, expected=expected, keys=["product"], crossing=1)


def test_the_leader_of_a_market_is_at_the_right_of_one():
    products = pd.DataFrame(
        {"market_growth": [12, 12, 1, 1], "market_share": [9, 3, 9, 3], "largest_competitor_share": [6] * 4}
    )
    placed = classify(relative_share(products), BCG, cuts={"market_growth": 10})
    assert placed["cell"].tolist() == ["stars", "question marks", "cash cows", "dogs"]
    logs = np.log([1.5, 0.5, 1.5, 0.5])
    only = classify(relative_share(products).assign(market_growth=99), BCG, cuts={"market_growth": 10})
    assert only["nearest_axis"].tolist() == ["relative_share"] * 4
    np.testing.assert_allclose(only["boundary_distance"], logs)


def test_unfit_shares_are_refused():
    shares = pd.DataFrame({"market_share": [1.0, -1.0], "largest_competitor_share": [1.0, np.inf]})
    with pytest.raises(DataError, match="1 of 2 rows with a negative market_share; 1 of 2 rows with an inf"):
        relative_share(shares)
    with pytest.raises(ColumnError, match="must have the column 'largest_competitor_share'"):
        relative_share(shares[["market_share"]])
    with pytest.raises(ColumnError, match="must not have the column 'relative_share'"):
        relative_share(shares.assign(relative_share=1.0))


def products():
    return pd.DataFrame(
        {
            "customer_id": ["a", "a", "a", "a", "b", "b", "c", "c"],
            "cell": ["stars", "cash cows", "question marks", None, "cash cows", "cash cows", "stars", "dogs"],
            "revenue": [20.0, 50.0, 20.0, 10.0, 30.0, 45.5, 0.0, 0.0],
        }
    )


def by_hand(table, needed):
    rows = []
    for owner, mine in table.groupby("customer_id"):
        total = mine["revenue"].sum()
        sold = {name: mine.loc[mine["cell"] == name, "revenue"].sum() for name in needed}
        for name in [*CELLS, None]:
            here = mine[mine["cell"].isna()] if name is None else mine[mine["cell"] == name]
            value = here["revenue"].sum()
            rows.append((owner, name, len(here), value, value / total if total else None, all(sold.values())))
    return pd.DataFrame(
        rows, columns=["customer_id", "cell", "products", "revenue", "value_share", "balanced"]
    )


def test_balance_on_every_engine():
    needed = ["question marks", "stars", "cash cows"]
    expected = by_hand(products(), needed)
    assert expected.groupby("customer_id")["balanced"].first().tolist() == [True, False, False]
    assert expected.groupby("customer_id")["value_share"].sum().tolist() == [1.0, 1.0, 0.0]
    assert_parity(
        lambda frame: portfolio_balance(frame, BCG, balanced=needed),
        products(),
        expected=expected,
        keys=["customer_id", "cell"],
        crossing=1,
    )


def test_balance_is_sorted_and_of_any_value():
    sold = (
        products().rename(columns={"revenue": "units", "customer_id": "owner"}).sample(frac=1, random_state=1)
    )
    found = portfolio_balance(sold, BCG, value="units", owner="owner")
    assert list(found.columns) == ["owner", "cell", "products", "units", "value_share"]
    assert found["owner"].tolist() == ["a"] * 5 + ["b"] * 5 + ["c"] * 5
    assert found["cell"].tolist()[:4] == CELLS
    assert found["units"].sum() == 175.5


def test_a_portfolio_without_places_is_in_no_cell():
    found = portfolio_balance(products().assign(cell=np.nan), BCG)
    assert found[found["cell"].isna()]["products"].tolist() == [4, 2, 2]
    assert found["value_share"].dropna().tolist() == [0.0] * 4 + [1.0] + [0.0] * 4 + [1.0]


def test_unfit_portfolios_are_refused():
    table = products()
    with pytest.raises(ColumnError, match="texts in 'cell', as classify"):
        portfolio_balance(table.assign(cell=1), BCG)
    with pytest.raises(DataError, match="4 of 8 rows without customer_id"):
        portfolio_balance(table.assign(customer_id=[None] * 4 + ["a"] * 4), BCG)
    with pytest.raises(DataError, match="8 of 8 rows with a negative revenue"):
        portfolio_balance(table.assign(revenue=-1.0), BCG)
    with pytest.raises(DataError, match="8 of 8 rows without revenue"):
        portfolio_balance(table.assign(revenue=np.nan), BCG)
    with pytest.raises(DataError, match="in a cell that the matrix does not have"):
        portfolio_balance(table.assign(cell="cows"), BCG)
    with pytest.raises(ParameterError, match="a list of cells of the matrix"):
        portfolio_balance(table, BCG, balanced=["cows"])
    with pytest.raises(ParameterError, match="`balanced` must be a list of at least one cell"):
        portfolio_balance(table, BCG, balanced="stars")
