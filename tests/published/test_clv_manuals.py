"""Numbers that manuals and tests of other packages print: BTYD, BTYDplus, CLVTools, lifetimes, spreadsheets.

BTYD's estimates are a little off the maximum (r .5534 and α 10.580 of Pareto/NBD): its predictions hold to
1e-3.
"""

import numpy as np
import pandas as pd
import pytest

from crmkit import clv
from crmkit.clv.btyd import _beta_geo as beta_geo, _modified_beta_geo as modified_beta_geo, _pareto as pareto
from crmkit.datasets import cdnow, load_cdnow


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
    """Fader and Hardie (2013), note 025: the first ten by the sample's own numbers, as in lifetimes."""
    first = summary.set_index("customer_id").loc[[4, 21, 50, 71, 86, 111, 112, 113, 114, 131]].reset_index()
    found = models["GammaGamma"].expected_spend(first)["expected_spend"].round(2)
    assert found.tolist() == [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]


def test_quickstart_of_lifetimes(models, summary):
    """Its estimates from inputs rounded to two digits, so that the fourth digit may differ."""
    errors = list(models["BetaGeoNBD"].standard_errors_.values())
    assert errors == pytest.approx([0.012557, 0.378221, 0.185719, 0.705345], rel=2e-4)
    spend = models["GammaGamma"].expected_spend(summary)["expected_spend"]
    assert spend.mean() == pytest.approx(35.25296, rel=1e-4)
    repeated = summary[summary["frequency"] > 0]
    assert repeated["frequency"].corr(repeated["monetary_value"]) == pytest.approx(0.113884, rel=1e-4)
    assert repeated["monetary_value"].mean() == pytest.approx(35.0786, rel=1e-4)
    week = models["BetaGeoNBD"].expected_purchases(summary, horizon=1)["expected_purchases"].nlargest(5)
    assert week.tolist() == pytest.approx([0.710623, 0.662396, 0.486526, 0.474738, 0.424877], rel=3e-4)


def test_holdout_by_frequency_of_btyd(models):
    """The walk-through's table for Pareto/NBD, from estimates a little off the maximum."""
    table = clv.holdout_summary(
        load_cdnow(sample=True), calibration_end="1997-09-30", holdout_end="1998-06-30"
    )
    table = models["ParetoNBD"].expected_purchases(table, horizon=39)
    means = table.groupby(table["frequency"].clip(upper=7))
    assert means.size().tolist() == [1411, 439, 214, 100, 62, 38, 29, 64]
    actual = means["holdout_purchases"].mean().round(3).tolist()
    assert actual == [0.237, 0.697, 1.393, 1.560, 2.532, 2.947, 3.862, 6.359]
    expected = means["expected_purchases"].mean().tolist()
    printed = [0.138, 0.600, 1.196, 1.714, 2.399, 2.907, 3.819, 6.403]
    assert expected == pytest.approx(printed, abs=1.5e-3)


def test_distribution_of_btyd():
    """Purchases of a new BG/NBD customer at r .243, α 4.414, a .793, b 2.426."""
    params = (0.243, 4.414, 0.793, 2.426)

    def chances(t, highest):
        return beta_geo.counts_new(params, t, highest)

    assert chances(2.0, 10)[10] == pytest.approx(1.07869e-07, rel=1e-5)
    assert chances(39.0, 0)[0] == pytest.approx(0.5737864, rel=1e-7)
    printed = [0.0019995214, 0.0015170236, 0.0011633150, 0.0009003148, 0.0007023638]
    printed += [0.0005517902, 0.0004361913, 0.0003467171, 0.0002769613, 0.0002222260]
    assert chances(30.0, 20)[11:].round(10).tolist() == printed


def test_expectations_of_pareto_in_btyd():
    found = [round(float(pareto.expected_new((0.55, 10.56, 0.61, 11.64), float(t))), 8) for t in range(1, 10)]
    assert found == [
        *(0.05077821, 0.09916088, 0.14542507, 0.18979930, 0.23247466),
        *(0.27361274, 0.31335159, 0.35181024, 0.38909211),
    ]


def test_histories_that_once_underflowed():
    """132 and 133 purchases to the last of 200 weeks."""
    x, end = np.array([132.0, 133.0]), np.full(2, 200.0)
    found = pareto.expected((0.55, 10.58, 0.61, 11.67), x, end, end, 10.0)
    assert found == pytest.approx([6.2060517889632418, 6.2528722475748113], rel=1e-12)


def test_likelihoods_of_one_customer():
    """Hardie's note 027, by its formulas for large x: r .25, α 4, a .8, b 2.5, T 40."""
    data = np.array([0.0, 200.0]), np.array([0.0, 38.0]), np.full(2, 40.0)
    for formulas, printed in (
        (beta_geo, [-0.59947382, 100.7957]),
        (modified_beta_geo, [-0.41792826, 100.7869]),
    ):
        assert formulas.likelihood((0.25, 4.0, 0.8, 2.5), *data, order=0)[0] == pytest.approx(
            printed, rel=3e-7
        )


def test_daily_transactions_of_the_quickstart():
    """lifetimes' example of 5 000 customers, in days."""
    path = cdnow._file("example_transactions.csv")
    orders = pd.read_csv(path, parse_dates=["date"]).rename(
        columns={"id": "customer_id", "date": "order_date"}
    )

    def until(day):
        return clv.summarize(orders, as_of=day, unit="day", after="drop", monetary=False)

    whole = until("2014-12-31")
    assert whole.head(5)[["frequency", "recency", "T"]].values.tolist() == [
        *([0, 0, 298], [0, 0, 224], [6, 142, 292], [0, 0, 147], [2, 9, 183])
    ]
    rounded = {name: round(value, 2) for name, value in clv.BetaGeoNBD(unit="day").fit(whole).params_.items()}
    assert rounded == {"r": 0.16, "alpha": 1.86, "a": 1.85, "b": 3.18}
    earlier = clv.BetaGeoNBD(unit="day").fit(until("2014-09-01"))
    one = earlier.expected_purchases(whole.iloc[[20]], horizon=10)["expected_purchases"].item()
    assert one == pytest.approx(0.0576511, rel=1e-5)
