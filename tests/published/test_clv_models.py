"""The customer-base models as published, through the public classes: reference.md §11 and issue 3."""

import numpy as np
import pandas as pd
import pytest

from crmkit import clv
from crmkit.datasets import load_cdnow

BUSY = pd.DataFrame({"frequency": [26], "recency": [216 / 7], "T": [31]})
PUBLISHED = {
    "BetaGeoNBD": ({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, -9582.4),
    "ParetoNBD": ({"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669}, -9595.0),
}
# Fader, Hardie and Shang (2010), table 1: frequency, recency, donors; six years to 2001.
DONORS = [
    *(
        (6, 6, 1203),
        (5, 6, 728),
        (4, 6, 512),
        (3, 6, 357),
        (2, 6, 234),
        (1, 6, 129),
        (5, 5, 335),
        (4, 5, 284),
    ),
    *((3, 5, 225), (2, 5, 173), (1, 5, 119), (4, 4, 240), (3, 4, 181), (2, 4, 155), (1, 4, 78), (3, 3, 322)),
    *((2, 3, 255), (1, 3, 129), (2, 2, 613), (1, 2, 277), (1, 1, 1091), (0, 0, 3464)),
]


@pytest.fixture(scope="module")
def summary():
    return clv.summarize(load_cdnow(sample=True), as_of="1997-09-30", after="drop")


@pytest.fixture(scope="module")
def models(summary):
    return {name: getattr(clv, name)().fit(summary) for name in PUBLISHED}


@pytest.mark.parametrize("name", PUBLISHED)
def test_cdnow_estimates(models, name):
    params, value = PUBLISHED[name]
    found = models[name]
    assert {key: round(one, 3) for key, one in found.params_.items()} == params
    assert round(found.log_likelihood_, 1) == value
    assert (found.n_customers_, found.unit_, found.as_of_) == (2357, "week", "1997-09-30")
    assert found.boundary_ is None


@pytest.mark.parametrize(("name", "year"), [("BetaGeoNBD", 1.444004), ("ParetoNBD", 1.473434)])
def test_a_new_customer_in_52_weeks(models, name, year):
    assert float(models[name].purchases_of_new_customer(horizon=52)) == pytest.approx(year, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "purchases", "alive"),
    [("BetaGeoNBD", 25.75659, 0.9688523), ("ParetoNBD", 25.45647, 0.997874)],
)
def test_the_customer_with_26_purchases(models, name, purchases, alive):
    model = models[name]
    found = model.expected_purchases(BUSY, horizon=52)["expected_purchases"].item()
    assert found == pytest.approx(purchases, rel=1e-4)
    assert model.probability_alive(BUSY)["probability_alive"].item() == pytest.approx(alive, rel=1e-4)


def test_donors():
    frame = pd.DataFrame(DONORS, columns=["frequency", "recency", "weight"]).assign(n_periods=6)
    assert frame["weight"].sum() == 11_104
    model = clv.BetaGeoBetaBinomial().fit(frame)
    rounded = {name: round(value, 3) for name, value in model.params_.items()}
    assert rounded == {"alpha": 1.204, "beta": 0.75, "gamma": 0.657, "delta": 2.783}
    assert round(model.log_likelihood_, 1) == -33225.6
    assert (model.n_customers_, model.n_cells_) == (11_104, 22)


def test_holdout_error_of_cdnow(summary, models):
    """Issue 3: 1 882 purchases in the 39 weeks after; MAE and bias of the two models."""
    orders = load_cdnow(sample=True)
    later = orders[orders["order_date"] > "1997-09-30"]
    days = later.assign(day=later["order_date"].dt.normalize()).drop_duplicates(["customer_id", "day"])
    bought = summary["customer_id"].map(days.groupby("customer_id").size()).fillna(0).to_numpy()
    assert bought.sum() == 1882
    for name, mae, rmse, bias in [
        ("BetaGeoNBD", 0.7855, 1.608, -0.122),
        ("ParetoNBD", 0.7545, 1.603, -0.115),
    ]:
        found = models[name].expected_purchases(summary, horizon=39)["expected_purchases"].to_numpy()
        assert round(np.abs(found - bought).mean(), 4) == mae
        assert round(np.sqrt(((found - bought) ** 2).mean()), 3) == rmse
        assert found.sum() / bought.sum() - 1 == pytest.approx(bias, abs=1e-3)
