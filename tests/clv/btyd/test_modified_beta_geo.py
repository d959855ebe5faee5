"""MBG/NBD in its limits, against BG/NBD where the two must meet, and against lifetimes."""

import subprocess
import sys

import numpy as np
import pytest

from crmkit.clv.btyd import _beta_geo, _modified_beta_geo

PARAMS = (0.6, 7.0, 1.7, 2.9)


def rows(*values):
    return [np.array([float(value)]) for value in values]


def test_names_are_the_papers():
    assert _modified_beta_geo.NAMES == ("r", "alpha", "a", "b")


def test_who_never_bought_again_may_have_left():
    """P(left at 0) = a/(a+b) against P(stayed) (α/(α+T))^r, by Bayes."""
    stays, silent = 2.9 / 4.6, (7 / 37) ** 0.6
    found = _modified_beta_geo.alive(PARAMS, *rows(0, 0, 30))[0]
    assert found == pytest.approx(stays * silent / (stays * silent + 1 - stays))
    assert _modified_beta_geo.alive(PARAMS, *rows(0, 0, 0))[0] == pytest.approx(stays)


def test_a_repeat_buyer_is_a_bg_customer_of_one_chance_more():
    """One chance more to leave has been passed: BG/NBD with b + 1, once he has bought again."""
    bg = (0.6, 7.0, 1.7, 3.9)
    history = rows(3, 20, 30)
    for name, more in (("alive", ()), ("expected", (9.0,)), ("discounted", (0.01,)), ("counts", (9.0, 20))):
        one = getattr(_modified_beta_geo, name)(PARAMS, *history, *more)
        np.testing.assert_allclose(one, getattr(_beta_geo, name)(bg, *history, *more), rtol=1e-12)


def test_a_new_customer_first_has_to_stay():
    bg, stays = (0.6, 7.0, 1.7, 3.9), 2.9 / 4.6
    for t in (0.5, 52.0):
        want = stays * _beta_geo.expected_new(bg, t)
        assert _modified_beta_geo.expected_new(PARAMS, t) == pytest.approx(want, rel=1e-12)
        want = stays * _beta_geo.counts_new(bg, t, 4) + (1 - stays) * np.array([1, 0, 0, 0, 0])
        np.testing.assert_allclose(_modified_beta_geo.counts_new(PARAMS, t, 4), want, rtol=1e-12)
    want = stays * _beta_geo.discounted_new(bg, 0.01)
    assert _modified_beta_geo.discounted_new(PARAMS, 0.01) == pytest.approx(want, rel=1e-12)


def test_a_chance_that_is_nil_leaves_the_nbd():
    params = (0.5, 2.0, 1e-9, 1e3)
    assert _modified_beta_geo.expected(params, *rows(0, 0, 10), 8.0)[0] == pytest.approx(
        0.5 * 8 / 12, rel=1e-7
    )
    assert _modified_beta_geo.expected_new(params, 8.0) == pytest.approx(0.5 * 8 / 2, rel=1e-7)


LIFETIMES = """
import warnings
warnings.simplefilter("ignore")
from lifetimes import ModifiedBetaGeoFitter
import pandas as pd
model = ModifiedBetaGeoFitter()
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
    history = rows(3, 20, 30)
    found = [
        _modified_beta_geo.expected(PARAMS, *history, 9.0)[0],
        _modified_beta_geo.alive(PARAMS, *history)[0],
        _modified_beta_geo.expected_new(PARAMS, 9.0),
        _modified_beta_geo.counts_new(PARAMS, 9.0, 2)[2],
    ]
    np.testing.assert_allclose(found, [float(line) for line in said.split()], rtol=1e-9)
