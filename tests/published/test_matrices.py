"""The published cells of the customer matrices (reference §7), and their directions."""

import pandas as pd
import pytest

from crmkit.segmentation import CPA, SHAPIRO, classify


@pytest.mark.parametrize(
    ("price", "cost", "cell"),
    [
        (100, 90, "carriage trade"),
        (100, 10, "passive"),
        (10, 90, "aggressive"),
        (10, 10, "bargain basement"),
    ],
)
def test_shapiro(price, cost, cell):
    customer = pd.DataFrame({"net_price": [price], "cost_to_serve": [cost]})
    assert classify(customer, SHAPIRO, cuts=50)["cell"].tolist() == [cell]


@pytest.mark.parametrize(
    ("profit", "potential", "cell"),
    [(500, 900, "invest"), (500, 1, "nurture"), (-500, 900, "re-engineer"), (-500, 1, "sack")],
)
def test_customer_portfolio_groups(profit, potential, cell):
    customer = pd.DataFrame({"current_profit": [profit], "future_potential": [potential]})
    assert classify(customer, CPA, cuts={"future_potential": 100})["cell"].tolist() == [cell]
