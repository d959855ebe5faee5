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
