"""Numbers that manuals of other packages print for CDNOW: BTYD, BTYDplus, CLVTools and the spreadsheet.

BTYD's estimates are a little off the maximum (r .5534 and α 10.580 of Pareto/NBD): its predictions hold to
1e-3.
"""

import pandas as pd
import pytest

from crmkit import clv
from crmkit.datasets import load_cdnow


@pytest.fixture(scope="module")
def summary():
    return clv.summarize(load_cdnow(sample=True), as_of="1997-09-30", after="drop")


@pytest.fixture(scope="module")
def models(summary):
    names = ("BetaGeoNBD", "ModifiedBetaGeoNBD", "ParetoNBD", "GammaGamma")
    return {name: getattr(clv, name)().fit(summary) for name in names}


def test_modified_beta_geometric_of_btydplus(models):
    rounded = {name: round(value, 3) for name, value in models["ModifiedBetaGeoNBD"].params_.items()}
    assert rounded == {"r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614}


def test_estimates_and_likelihoods_of_clvtools(models):
    found = models["BetaGeoNBD"]
    assert list(found.params_.values()) == pytest.approx(
        [0.2425945, 4.4136019, 0.7929199, 2.4258881], rel=1e-5
    )
    assert round(found.log_likelihood_, 3) == -9582.429
    assert round(models["ParetoNBD"].log_likelihood_, 3) == -9594.976
    assert round(models["GammaGamma"].log_likelihood_, 4) == -4055.9177


def test_standard_errors_of_clvtools(models):
    """There from a numerical Hessian."""
    printed = [0.0476264, 0.8427222, 0.1872594, 6.2105448]
    assert list(models["ParetoNBD"].standard_errors_.values()) == pytest.approx(printed, rel=2e-4)


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("ParetoNBD", [0.7062289, 0.1442396, 0.02250658, 0.00309267]),
        ("BetaGeoNBD", [0.3474606, 0.04283391, 0.004158973, 0.0003583685]),
    ],
)
def test_increasing_frequency_paradox_of_btyd(models, name, printed):
    """Last seen after 20 of 39 weeks: the more often somebody used to buy, the less is to come."""
    silent = pd.DataFrame({"frequency": [10, 15, 20, 25], "recency": 20.0, "T": 39.0})
    found = models[name].expected_purchases(silent, horizon=52)["expected_purchases"]
    assert found.tolist() == pytest.approx(printed, rel=1e-3)


def test_spreadsheet_of_the_beta_geometric_model(models):
    """Fader, Hardie and Lee: "Implementing the BG/NBD model for customer base analysis in Excel"."""
    model = models["BetaGeoNBD"]
    once = pd.DataFrame({"frequency": [2], "recency": [30.43], "T": [38.86]})
    assert round(model.expected_purchases(once, horizon=39)["expected_purchases"].item(), 3) == 1.226
    weeks = {1 / 7: 0.0078, 1: 0.0532, 3: 0.1506, 223 / 7: 1.0405, 32: 1.0437}
    for horizon, purchases in weeks.items():
        assert round(float(model.purchases_of_new_customer(horizon=horizon)), 4) == purchases
    assert float(model.purchases_of_new_customer(horizon=78)) == pytest.approx(1.8576, rel=5e-4)


def test_spend_of_the_first_customers(models, summary):
    """Fader and Hardie (2013), note 025: two, one, no, seven purchases."""
    found = models["GammaGamma"].expected_spend(summary.head(10))["expected_spend"].round(2)
    assert found.tolist() == [24.65, 35.17, 18.91, 35.17, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17]
