"""BG/NBD on CDNOW as Fader, Hardie & Lee published it, in its limits, and against lifetimes."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.optimize import minimize

from crmkit import clv
from crmkit.clv.btyd import _beta_geo
from crmkit.datasets import load_cdnow

PUBLISHED = (0.243, 4.414, 0.793, 2.426)
CUSTOMER = tuple(np.array([value]) for value in (26.0, 216 / 7, 31.0))


@pytest.fixture(scope="module")
def data():
    summary = clv.summarize(load_cdnow(sample=True), as_of="1997-09-30", after="drop")
    return tuple(summary[name].to_numpy(dtype=float) for name in ("frequency", "recency", "T"))


@pytest.fixture(scope="module")
def best(data):
    def total(log, order):
        return -_beta_geo.likelihood(tuple(np.exp(log)), *data, order=order)[order].sum(axis=-1)

    found = minimize(
        total, np.log(_beta_geo.start(*data, np.ones(2357))), (0,), "trust-exact",
        jac=lambda log, _: total(log, 1), hess=lambda log, _: total(log, 2), options={"gtol": 1e-6},
    )  # fmt: skip
    assert found.nit < 10
    return tuple(np.exp(found.x)), -found.fun


def test_names_are_the_papers():
    assert _beta_geo.NAMES == ("r", "alpha", "a", "b")


def test_estimates(best):
    params, value = best
    assert tuple(round(p, 3) for p in params) == pytest.approx(PUBLISHED, abs=1e-9)
    assert round(value, 1) == -9582.4


def test_predictions(best):
    params, _ = best
    assert _beta_geo.expected_new(params, 52.0) == pytest.approx(1.444004, rel=1e-4)
    assert _beta_geo.expected(params, *CUSTOMER, 52.0)[0] == pytest.approx(25.75659, rel=1e-4)
    assert _beta_geo.alive(params, *CUSTOMER)[0] == pytest.approx(0.9688523, rel=1e-4)


def test_the_base_buys_as_observed(data, best):
    """The published fit of the paper's figure: repeat purchases in the 39 weeks, within 3 %."""
    params, _ = best
    x, _, T = data
    assert _beta_geo.expected_new(params, T).sum() == pytest.approx(x.sum(), rel=0.03)


def test_who_never_bought_again_is_alive():
    T = np.array([0.0, 1, 1e6])
    np.testing.assert_array_equal(_beta_geo.alive(PUBLISHED, np.zeros(3), np.zeros(3), T), 1)


def test_one_purchase_a_chance_that_is_certain_ends_it():
    """a ≫ b: at most one repeat purchase, with the chance of an NBD to make one."""
    params = (0.5, 2.0, 1e9, 1e-3)
    found = _beta_geo.counts_new(params, 10.0, 3)
    none = (2 / 12) ** 0.5
    np.testing.assert_allclose(found, [none, 1 - none, 0, 0], atol=1e-8)
    assert _beta_geo.expected_new(params, 10.0) == pytest.approx(1 - none)


def test_a_chance_that_is_nil_leaves_the_nbd():
    params, history = (0.5, 2.0, 1e-9, 1e3), [np.array([value]) for value in (3.0, 5.0, 10.0)]
    assert _beta_geo.expected(params, *history, 8.0)[0] == pytest.approx(3.5 * 8 / 12, rel=1e-7)
    assert _beta_geo.discounted(params, *history, 0.01)[0] == pytest.approx(3.5 / 12 / 0.01, rel=1e-4)
    assert _beta_geo.alive_later(params, *history, 1e6)[0] == pytest.approx(1, rel=1e-6)


LIFETIMES = """
import warnings
warnings.simplefilter("ignore")
from lifetimes import BetaGeoFitter
import pandas as pd
model = BetaGeoFitter()
model.params_ = pd.Series({"r": 0.6, "alpha": 7.0, "a": 1.7, "b": 2.9})
print(float(model.conditional_expected_number_of_purchases_up_to_time(9, 3, 20, 30)))
print(float(model.conditional_probability_alive(3, 20, 30)[0]))
print(float(model.expected_number_of_purchases_up_to_time(9)))
print(float(model.probability_of_n_purchases_up_to_time(9, 2)))
"""


def test_lifetimes_agrees():
    """In a process of its own: lifetimes changes the options of pandas."""
    said = subprocess.run(
        [sys.executable, "-c", LIFETIMES], capture_output=True, text=True, check=True
    ).stdout
    params, history = (0.6, 7.0, 1.7, 2.9), [np.array([value]) for value in (3.0, 20.0, 30.0)]
    found = [
        _beta_geo.expected(params, *history, 9.0)[0],
        _beta_geo.alive(params, *history)[0],
        _beta_geo.expected_new(params, 9.0),
        _beta_geo.counts_new(params, 9.0, 2)[2],
    ]
    np.testing.assert_allclose(found, [float(line) for line in said.split()], rtol=1e-9)
