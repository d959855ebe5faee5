"""The Gamma–Gamma model on frames: what it counts, what it refuses, how sure it is."""

import json

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from crmkit import clv
from crmkit.datasets import load_cdnow
from crmkit.errors import ColumnError, ConvergenceError, CRMKitError, CRMKitWarning, DataError, ParameterError


@pytest.fixture(scope="module")
def summary():
    return clv.summarize(load_cdnow(sample=True), as_of="1997-09-30", after="drop")


@pytest.fixture(scope="module")
def model(summary):
    return clv.GammaGamma().fit(summary)


def at(model, **changes):
    """The same model at other parameters."""
    state = json.loads(model.to_json())
    names = list(model.params_)
    for name, value in changes.items():
        state["state"]["point"][names.index(name)] = float(np.log(value))
    return clv.GammaGamma.from_json(json.dumps(state))


def test_likelihood_is_highest_and_that_of_a_beta_prime(summary, model):
    buyers = summary[summary["frequency"] > 0]
    x, m = buyers["frequency"].to_numpy(float), buyers["monetary_value"].to_numpy()

    def total(p, q, v):
        return scipy.stats.betaprime.logpdf(m, p * x, q, scale=v / x).sum()

    p, q, v = model.params_.values()
    assert model.log_likelihood_ == pytest.approx(total(p, q, v), rel=1e-10)
    for change in np.vstack([np.eye(3), -np.eye(3)]) * 0.01:
        assert total(*np.array([p, q, v]) * np.exp(change)) < model.log_likelihood_


def test_customers_without_a_repeat_purchase_are_counted_and_say_nothing(summary, model):
    repeat = summary[summary["frequency"] > 0]
    alone = clv.GammaGamma().fit(repeat)
    assert (model.n_customers_, model.n_excluded_) == (946, 1411)
    assert (alone.n_customers_, alone.n_excluded_) == (946, 0)
    assert alone.params_ == pytest.approx(model.params_, rel=1e-9)
    weighted = clv.GammaGamma().fit(summary.assign(weight=2.0))
    assert (weighted.n_customers_, weighted.n_excluded_) == (1892, 2822)
    assert weighted.params_ == pytest.approx(model.params_, rel=1e-6)
    spread = {name: value * np.sqrt(2) for name, value in weighted.standard_errors_.items()}
    assert spread == pytest.approx(model.standard_errors_, rel=1e-4)


def test_rows_cells_order_and_mappings_agree(summary, model):
    repeat = summary[summary["frequency"] > 0]
    cells = repeat.groupby(["frequency", "monetary_value"]).size().rename("weight").reset_index()
    for other in (summary.sample(frac=1, random_state=1), cells, summary.to_dict("list")):
        assert clv.GammaGamma().fit(other).params_ == pytest.approx(model.params_, rel=1e-6)


def test_money_in_cents_moves_v_only(summary, model):
    cents = clv.GammaGamma().fit(summary.assign(monetary_value=summary["monetary_value"] * 100))
    p, q, v = model.params_.values()
    assert cents.params_ == pytest.approx({"p": p, "q": q, "v": 100 * v}, rel=1e-5)


def test_expectation_by_hand(model):
    p, q, v = model.params_.values()
    buyers = pd.DataFrame({"frequency": [0, 1, 9], "monetary_value": [0.0, 100.0, 20.0]}, index=[7, 3, 5])
    before = buyers.copy()
    found = model.expected_spend(buyers)
    pd.testing.assert_frame_equal(buyers, before)
    by_hand = [p * v / (q - 1), p * (v + 100) / (p + q - 1), p * (v + 180) / (9 * p + q - 1)]
    assert found["expected_spend"].tolist() == pytest.approx(by_hand, rel=1e-12)
    assert list(found.index) == [7, 3, 5]
    assert list(found.columns) == ["frequency", "monetary_value", "expected_spend"]
    assert float(model.spend_of_new_customer()) == pytest.approx(by_hand[0], rel=1e-12)


def test_a_missing_mean_of_a_customer_without_repeat_purchases_does_not_matter(model):
    buyers = pd.DataFrame({"frequency": [0, 0, 2], "monetary_value": [np.nan, 0.0, 20.0]})
    found = model.expected_spend(buyers)["expected_spend"]
    assert len(found) == 3
    assert found[0] == found[1]


def test_intervals_are_those_of_drawn_parameters(model):
    state = json.loads(model.to_json())
    covariance = np.array(state["state"]["covariance"]) / 100
    state["state"]["covariance"] = covariance.tolist()
    sure = clv.GammaGamma.from_json(json.dumps(state))
    points = np.exp(np.random.default_rng(1).multivariate_normal(state["state"]["point"], covariance, 40_000))
    p, q, v = points.T
    buyers = pd.DataFrame({"frequency": [0, 3], "monetary_value": [0.0, 80.0]})
    found = sure.expected_spend(buyers, confidence=0.9)
    for row, drawn in enumerate((p * v / (q - 1), p * (v + 240) / (3 * p + q - 1))):
        low, high = np.quantile(drawn, [0.05, 0.95])
        one = found.iloc[row]
        assert one["expected_spend_upper"] - one["expected_spend_lower"] == pytest.approx(
            high - low, rel=0.03
        )
        assert one["expected_spend_lower"] < one["expected_spend"] < one["expected_spend_upper"]
    new = sure.spend_of_new_customer(confidence=0.9)
    assert (new.lower, new.upper) == pytest.approx(tuple(found.iloc[0, 3:]), rel=1e-9)


def test_a_population_without_a_mean(model):
    heavy = at(model, q=0.8)
    buyers = pd.DataFrame({"frequency": [0, 3], "monetary_value": [0.0, 80.0]})
    found = heavy.expected_spend(buyers)["expected_spend"]
    assert found[0] == np.inf
    assert np.isfinite(found[1])
    assert float(heavy.spend_of_new_customer()) == np.inf


def test_a_population_without_a_mean_has_no_interval(model):
    buyers = pd.DataFrame({"frequency": [0, 3], "monetary_value": [0.0, 80.0]})
    found = at(model, q=0.8).expected_spend(buyers, confidence=0.9)
    assert found["expected_spend_lower"].isna().tolist() == [True, False]


def test_a_boundary_gives_estimates_without_intervals():
    alike = pd.DataFrame({"frequency": [2] * 40, "monetary_value": np.linspace(29.9, 30.1, 40)})
    with pytest.warns(CRMKitWarning, match="boundary"):
        model = clv.GammaGamma().fit(alike)
    assert model.boundary_ is not None
    found = model.expected_spend(alike, confidence=0.9)
    assert found["expected_spend"].to_numpy() == pytest.approx(30, rel=0.01)
    assert found[["expected_spend_lower", "expected_spend_upper"]].isna().all().all()
    assert np.isnan(model.spend_of_new_customer().lower)


def test_json_keeps_the_model(model):
    again = clv.GammaGamma.from_json(model.to_json())
    assert again.to_json() == model.to_json()
    assert again.n_excluded_ == 1411
    assert again.params_ == model.params_


def test_rows_that_contradict_themselves_are_counted(summary, model):
    bad = pd.DataFrame(
        {
            "frequency": [2, 2, 1, -1, 1.5, np.nan, np.inf, 1, 3],
            "monetary_value": [-5.0, 0.0, np.nan, 9.0, 9.0, 9.0, 9.0, np.inf, 9.0],
        }
    )
    for call in (clv.GammaGamma().fit, model.expected_spend):
        with pytest.raises(DataError) as caught:
            call(bad)
        message = str(caught.value)
        for part in (
            "4 of 9 rows have repeat purchases but no finite monetary_value above 0",
            "2 of 9 rows have a frequency that is not a whole number",
            "1 of 9 rows have no value in 'frequency'",
            "1 of 9 rows have an infinite value in 'frequency'",
        ):
            assert part in message
    with pytest.raises(ColumnError, match="'monetary_value'"):
        model.expected_spend(summary[["frequency"]])


def test_too_little_information():
    for x, m, found in (
        ([1, 0], [5.0, 0.0], "Found 1 with 1 different"),
        ([1, 2], [5.0, 5.0], "Found 2 with 1"),
    ):
        with pytest.raises(ConvergenceError, match=found):
            clv.GammaGamma().fit({"frequency": x, "monetary_value": m})


def test_wrong_arguments(summary, model):
    for confidence in (0.2, 1, "high"):
        with pytest.raises(ParameterError, match="`confidence` must be"):
            model.expected_spend(summary, confidence=confidence)
        with pytest.raises(ParameterError, match="`confidence` must be"):
            model.spend_of_new_customer(confidence=confidence)
    with pytest.raises(ParameterError, match="`engine` must be one of"):
        clv.GammaGamma().fit(summary, engine="R")
    for call in (lambda one: one.expected_spend(summary), lambda one: one.spend_of_new_customer()):
        with pytest.raises(CRMKitError, match="must be fitted"):
            call(clv.GammaGamma())


def test_spend_density_is_inverse_gamma_for_customers_and_beta_prime_for_means(model):
    """ζ = p/ν with ν ~ Gamma(q, v); the mean of x transactions is v/x times a beta prime of px and q."""
    p, q, v = model.params_.values()
    z = np.geomspace(0.5, 2_000, 60)
    assert model.spend_density(z) == pytest.approx(scipy.stats.invgamma.pdf(z, q, scale=p * v), rel=1e-9)
    for x in (1, 7, 400):
        expected = scipy.stats.betaprime.pdf(z, p * x, q, scale=v / x)
        assert model.spend_density(z, frequency=x) == pytest.approx(expected, rel=1e-8, abs=1e-14)


@pytest.mark.parametrize("spend", [[0.0], [-1.0, 2.0], [np.nan], [np.inf], [[1.0]], 3.0])
def test_spend_density_refuses_what_is_no_amount(model, spend):
    with pytest.raises(ParameterError, match="`spend` must be one column of finite amounts above 0"):
        model.spend_density(spend)
    with pytest.raises(DataError, match="spend must be numbers"):
        model.spend_density(["much"])
    with pytest.raises(ParameterError, match="`frequency`"):
        model.spend_density([1.0], frequency=0)
    with pytest.raises(CRMKitError, match="must be fitted"):
        clv.GammaGamma().spend_density([1.0])
