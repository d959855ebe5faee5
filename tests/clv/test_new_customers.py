"""Customers who are still to come: their value by hand, its interval, and what winning them may cost."""

import json

import numpy as np
import pytest

from crmkit import clv
from crmkit.datasets import load_cdnow
from crmkit.errors import ParameterError

DELTA = np.log(1.15) / (365.25 / 7)
KINDS = {
    "BG": clv.BetaGeoNBD(),
    "MBG": clv.ModifiedBetaGeoNBD(),
    "Pareto": clv.ParetoNBD(),
    "CNBD": clv.ModifiedBetaGeoCNBD(k=2),
}


@pytest.fixture(scope="module")
def summary():
    return clv.summarize(load_cdnow(sample=True), as_of="1997-09-30", after="drop")


@pytest.fixture(scope="module")
def models(summary):
    return {name: model.fit(summary) for name, model in KINDS.items()}


@pytest.fixture(scope="module")
def spend(summary):
    return clv.GammaGamma().fit(summary)


def setting(**changes):
    given = {"annual_rate": 0.15, "margin": 0.3, "cost_to_serve": 1.0, "retention_cost": 2.0}
    return clv.Assumptions(**(given | {"acquisition_cost": 20.0} | changes))


def summed(model, ends):
    """The discounted purchases after the first, as a sum over spells."""
    expected = [float(model.purchases_of_new_customer(horizon=float(end))) for end in ends]
    return np.diff(expected) @ np.exp(-DELTA * (ends[1:] + ends[:-1]) / 2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("horizon", "ends"),
    [(None, np.concatenate([[0], np.geomspace(0.05, 12_000, 60)])), (78, np.linspace(0, 78, 14))],
)
def test_value_by_hand(models, spend, kind, horizon, ends):
    repeats = summed(models[kind], ends)
    p, q, v = spend.params_.values()
    left = 0.3 * p * v / (q - 1) - 1.0
    worth = clv.value_of_new_customers(
        model=models[kind], spend=spend, assumptions=setting(horizon=horizon), customers=250
    )
    assert worth.first_purchase == pytest.approx(250 * left, rel=1e-12)
    assert worth.repeat_purchases == pytest.approx(250 * left * repeats, rel=5e-3)
    assert (worth.retention_cost, worth.acquisition_cost) == (500, 5000)
    assert worth.value == pytest.approx(worth.first_purchase + worth.repeat_purchases - 5500)
    assert worth.break_even_acquisition_cost == pytest.approx(worth.value / 250 + 20)
    assert float(worth) == worth.value
    assert worth.to_dict()["customers"] == 250


@pytest.mark.parametrize("kind", KINDS)
def test_all_time_agrees_with_the_model_itself(models, spend, kind):
    worth = clv.value_of_new_customers(model=models[kind], spend=spend, assumptions=setting())
    repeats = float(models[kind].discounted_purchases_of_new_customer(annual_rate=0.15))
    assert worth.repeat_purchases / worth.first_purchase == pytest.approx(repeats, rel=1e-9)


def test_opportunities_agree_with_the_model_itself(spend):
    donors = clv.BetaGeoBetaBinomial(unit="year").fit(
        {
            "frequency": [3, 2, 2, 1, 1, 1, 0],
            "recency": [3, 3, 2, 3, 2, 1, 0],
            "n_periods": [3] * 7,
            "weight": [60, 15, 20, 10, 12, 45, 160],
        }
    )
    for horizon in (None, 500):
        worth = clv.value_of_new_customers(model=donors, spend=spend, assumptions=setting(horizon=horizon))
        repeats = float(donors.discounted_purchases_of_new_customer(annual_rate=0.15))
        assert worth.repeat_purchases / worth.first_purchase == pytest.approx(repeats, rel=1e-8)


def test_break_even_makes_the_value_nothing(models, spend):
    worth = clv.value_of_new_customers(model=models["Pareto"], spend=spend, assumptions=setting())
    even = clv.value_of_new_customers(
        model=models["Pareto"],
        spend=spend,
        assumptions=setting(acquisition_cost=worth.break_even_acquisition_cost),
    )
    assert even.value == pytest.approx(0, abs=1e-9)
    assert even.lower < 0 < even.upper


def drawn(model, count, seed):
    """The model with a hundredth of its covariance, and models drawn from that."""
    state = json.loads(model.to_json())
    covariance = np.array(state["state"]["covariance"]) / 100
    state["state"]["covariance"] = covariance.tolist()
    fitted, others = type(model).from_json(json.dumps(state)), []
    for point in np.random.default_rng(seed).multivariate_normal(state["state"]["point"], covariance, count):
        state["state"]["point"] = point.tolist()
        others.append(type(model).from_json(json.dumps(state)))
    return fitted, others


def test_interval_is_that_of_drawn_parameters(models, spend):
    model, models_drawn = drawn(models["BG"], 200, 1)
    money, moneys_drawn = drawn(spend, 200, 2)
    values = [
        float(clv.value_of_new_customers(model=one, spend=other, assumptions=setting()))
        for one, other in zip(models_drawn, moneys_drawn, strict=True)
    ]
    worth = clv.value_of_new_customers(model=model, spend=money, assumptions=setting(), confidence=0.9)
    assert (worth.upper - worth.lower) / 2 == pytest.approx(1.6448536 * np.std(values), rel=0.1)
    assert (worth.upper + worth.lower) / 2 == pytest.approx(worth.value)


def test_a_cohort_is_so_many_of_one(models, spend):
    one, many = (
        clv.value_of_new_customers(
            model=models["BG"], spend=spend, assumptions=setting(), customers=n, confidence=0.8
        )
        for n in (1, 40)
    )
    for name in ("first_purchase", "repeat_purchases", "value", "lower", "upper"):
        assert getattr(many, name) == pytest.approx(40 * getattr(one, name), rel=1e-12)
    assert many.break_even_acquisition_cost == one.break_even_acquisition_cost
    assert "80% from" in repr(many)
    assert "customers 40" in repr(many)


def test_of_covariates_it_is_the_customer_without_any(summary, spend):
    frame = summary.head(600).assign(web=np.arange(600) % 2)
    model = clv.ParetoNBD(purchase="web", penalty=1.0).fit(frame)
    worth = clv.value_of_new_customers(model=model, spend=spend, assumptions=setting())
    repeats = float(model.discounted_purchases_of_new_customer(annual_rate=0.15))
    assert worth.repeat_purchases / worth.first_purchase == pytest.approx(repeats, rel=1e-9)
    assert worth.lower < worth.value < worth.upper


def test_wrong_arguments(models, spend):
    given = {"model": models["BG"], "spend": spend, "assumptions": setting()}
    for customers in (0, -1, "many", np.nan):
        with pytest.raises(ParameterError, match="`customers` must be a finite number above 0"):
            clv.value_of_new_customers(**given, customers=customers)
    with pytest.raises(ParameterError, match="`confidence` must be"):
        clv.value_of_new_customers(**given, confidence=1)
