"""Intervals of one estimate: published examples, statsmodels, scipy, mpmath, ends, engines and coverage."""

import dataclasses
import json
import math
import subprocess
import sys

import mpmath
import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from scipy import stats
from statsmodels.stats._delta_method import NonlinearDeltaCov
from statsmodels.stats.proportion import proportion_confint

from crmkit.errors import DataError, ParameterError
from crmkit.stats import (
    Interval,
    delta_method,
    normal_quantile,
    poisson_interval,
    proportion,
    wilson_bounds,
    wilson_exprs,
)
from crmkit.testing import ENGINES, assert_parity, available

COUNTS = st.integers(1, 10**9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
LEVELS = st.floats(0.5, 0.999999)


def ends(interval):
    return interval.lower, interval.upper


@pytest.mark.parametrize(
    ("x", "n", "lower", "upper"),
    # Newcombe (1998), Statistics in Medicine 17, 857, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_equals_the_published_table(x, n, lower, upper):
    assert np.round(wilson_bounds(x, n), 4).tolist() == [lower, upper]


def test_wilson_to_many_digits():
    for x, n in [(1, 10**12), (10**12 - 1, 10**12), (3, 7), (1, 1), (0, 1), (0, 10**12)]:
        z, p = mpmath.mpf(normal_quantile(0.95)), mpmath.mpf(x) / n
        with mpmath.workdps(60):
            half = z * mpmath.sqrt(p * (1 - p) / n + z**2 / (4 * mpmath.mpf(n) ** 2))
            exact = [(p + z**2 / (2 * n) + sign * half) / (1 + z**2 / n) for sign in (-1, 1)]
        assert wilson_bounds(x, n) == pytest.approx([float(e) for e in exact], rel=1e-13)


@given(COUNTS, LEVELS)
def test_wilson_equals_statsmodels(counts, confidence):
    expected = proportion_confint(*counts, alpha=1 - confidence, method="wilson")
    assert wilson_bounds(*counts, confidence=confidence) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@given(st.integers(1, 10**12), LEVELS)
def test_wilson_ends_are_exact(n, confidence):
    assert wilson_bounds(0, n, confidence=confidence)[0] == 0.0
    assert wilson_bounds(n, n, confidence=confidence)[1] == 1.0
    assert wilson_bounds([0], [n], confidence=confidence)[0][0] == 0.0
    assert wilson_bounds([n], [n], confidence=confidence)[1][0] == 1.0


@given(COUNTS, LEVELS)
def test_wilson_contains_the_share_and_is_symmetric(counts, confidence):
    x, n = counts
    lower, upper = wilson_bounds(x, n, confidence=confidence)
    assert 0 <= lower <= x / n * (1 + 1e-12)
    assert x / n * (1 - 1e-12) <= upper <= 1
    other = wilson_bounds(n - x, n, confidence=confidence)
    assert (1 - upper, 1 - lower) == pytest.approx(other, abs=1e-14)


def test_wilson_of_arrays():
    x, n = np.array([[0, 3], [5, 0]]), np.array([5, 0])
    with pytest.raises(DataError, match="1 of 4 rows"):
        wilson_bounds(x, n)
    lower, upper = wilson_bounds([0, 81, 0, 5, math.nan], [20, 263, 0, 5, 5])
    assert np.round(lower, 4).tolist()[:2] == [0, 0.2553]
    assert np.round(upper, 4).tolist()[:2] == [0.1611, 0.3662]
    assert np.isnan([lower[2], upper[2], lower[4], upper[4]]).all()
    assert upper[3] == 1
    assert wilson_bounds(pd.Series([1, 2]), 4)[0].shape == (2,)
    big = 4 * 10**18
    assert wilson_bounds([big // 2], [big])[0][0] == pytest.approx(0.5)


def test_wilson_refuses_what_is_not_a_count():
    with pytest.raises(ParameterError, match="`successes` must be a finite number at least 0 and at most 5"):
        wilson_bounds(6, 5)
    with pytest.raises(ParameterError, match="`n` must be"):
        wilson_bounds(0, -1)
    for x, n in [([-1], 5), ([2], [1]), ([1], [math.inf])]:
        with pytest.raises(DataError, match="1 of 1 rows"):
            wilson_bounds(x, n)


@pytest.mark.parametrize("confidence", [0, 0.05, 0.4999, 1, 95, math.nan, "0.95", None, True])
def test_confidence_outside_its_range(confidence):
    calls = [
        lambda: normal_quantile(confidence),
        lambda: wilson_bounds(1, 2, confidence=confidence),
        lambda: wilson_exprs(nw.col("x"), nw.col("n"), confidence=confidence),
        lambda: proportion(1, 2, confidence=confidence),
        lambda: poisson_interval(1, confidence=confidence),
        lambda: delta_method(lambda t: t[0], 1, 1, confidence=confidence),
    ]
    for call in calls:
        with pytest.raises(
            ParameterError, match="`confidence` must be a finite number at least 0.5 and below 1"
        ):
            call()


def test_normal_quantile_to_the_edges():
    assert normal_quantile(0.5) == pytest.approx(0.6744897501960817, rel=1e-14)
    edge = 1 - 2**-53
    assert normal_quantile(edge) == pytest.approx(stats.norm.isf(2**-54), rel=1e-9)


@pytest.mark.parametrize("engine", ENGINES)
def test_wilson_in_every_engine(engine):
    if reason := available(engine):
        pytest.skip(reason)
    rows = pd.DataFrame({"won": [0, 0, 81, 20, 1, 3 * 10**9, 0], "leads": [0, 20, 263, 20, 29, 4 * 10**9, 1]})
    rows.insert(0, "key", range(len(rows)))
    known = proportion_confint(rows["won"][2:], rows["leads"][2:], method="wilson")
    expected = rows.assign(lower=[None, 0, *known[0]], upper=[None, 0.16112515999999998, *known[1]])
    expected.loc[3, "upper"] = 1.0

    def bounds(native):
        lower, upper = wilson_exprs(nw.col("won"), nw.col("leads"))
        return nw.from_native(native).with_columns(lower=lower, upper=upper).to_native()

    expected.loc[1, "upper"] = proportion_confint(0, 20, method="wilson")[1]
    assert_parity(bounds, rows, expected=expected, keys=["key"], engines=[engine])


def test_proportion():
    result = proportion(250, 1000)
    assert float(result) == 0.25
    assert ends(result) == pytest.approx(proportion_confint(250, 1000, method="wilson"), rel=1e-12)
    assert (result.n, result.confidence, result.method) == (1000, 0.95, "Wilson")
    assert repr(result) == "Interval(0.25, 95% from 0.2242 to 0.2778; n 1000, Wilson)"
    empty = proportion(0, 0)
    assert math.isnan(float(empty))
    assert math.isnan(empty.lower)
    assert math.isnan(empty.upper)
    assert empty.n == 0


def test_interval_is_plain_data():
    result = proportion(np.int64(1), np.int64(4), confidence=0.9)
    names = ["estimate", "lower", "upper", "n", "confidence", "method"]
    assert list(json.loads(json.dumps(result.to_dict()))) == names
    assert not hasattr(result, "__dict__")
    without_base = json.dumps(proportion(0, 0).to_dict(), allow_nan=False)  # NaN is no JSON
    assert json.loads(without_base)["estimate"] is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.n = 5
    assert repr(Interval(1, 0, 2, None, 0.999, "x")) == "Interval(1, 99.9% from 0 to 2; x)"


# Garwood (1936) as tabulated for 95 %: 0: 0–3.69, 1: 0.0253–5.57, 10: 4.80–18.39.
@pytest.mark.parametrize(("x", "lower", "upper"), [(0, 0, 3.69), (1, 0.0253, 5.57), (10, 4.80, 18.39)])
def test_poisson_equals_the_table(x, lower, upper):
    assert ends(poisson_interval(x)) == pytest.approx((lower, upper), abs=0.006)


@given(st.integers(0, 10**6), st.floats(0.01, 1e6), st.floats(0.5, 0.9999))
def test_poisson_equals_chi_square_and_scales(x, exposure, confidence):
    tail = (1 - confidence) / 2
    lower = stats.chi2.ppf(tail, 2 * x) / 2 if x else 0
    upper = stats.chi2.isf(tail, 2 * x + 2) / 2
    result = poisson_interval(x, exposure=exposure, confidence=confidence)
    assert ends(result) == pytest.approx((lower / exposure, upper / exposure), rel=1e-7)
    assert float(result) == x / exposure
    assert (result.n, result.confidence, result.method) == (exposure, confidence, "Garwood")


def test_poisson_ends_have_their_tail_probabilities():
    result = poisson_interval(7)
    assert stats.poisson.sf(6, result.lower) == pytest.approx(0.025)
    assert stats.poisson.cdf(7, result.upper) == pytest.approx(0.025)


def test_poisson_refuses():
    with pytest.raises(ParameterError, match="`count` must be an integer at least 0"):
        poisson_interval(-1)
    with pytest.raises(ParameterError, match="`exposure` must be a finite number above 0"):
        poisson_interval(1, exposure=0)


def test_delta_method_equals_statsmodels():
    theta, sigma = np.array([1.5, -0.2, 4.0]), np.array([[0.4, 0.1, 0], [0.1, 0.3, -0.05], [0, -0.05, 0.2]])

    def function(t):
        return np.exp(t[0]) * t[2] / (1 + t[1] ** 2)

    oracle = NonlinearDeltaCov(lambda t: np.atleast_1d(function(t)), theta, sigma)
    result = delta_method(function, theta, sigma, n=12)
    assert ends(result) == pytest.approx(np.ravel(oracle.conf_int(use_t=False)), rel=1e-6)
    value = function(theta)
    slopes = [value, -2 * theta[1] * value / (1 + theta[1] ** 2), value / theta[2]]
    given_slopes = delta_method(function, theta, sigma, gradient=slopes)
    assert ends(given_slopes) == pytest.approx(ends(result), rel=1e-7)
    assert (result.n, given_slopes.n, result.method) == (12, None, "delta method")


@pytest.mark.parametrize("size", [1e-9, 1e-3, 0.0, 1e9])
def test_gradient_is_right_at_any_size(size):
    result = delta_method(lambda t: 3 * t[0] + t[0] ** 2, size, 1.0)
    half = normal_quantile(0.95) * (3 + 2 * size)
    assert result.upper - result.estimate == pytest.approx(half, rel=1e-6)


def test_delta_method_refuses():
    with pytest.raises(DataError, match="2 × 2 covariance"):
        delta_method(lambda t: t[0], [1, 2], 1)
    with pytest.raises(DataError, match=r"shapes \(1,\)"):
        delta_method(lambda t: t[0], [1, 2], np.eye(2), gradient=[1])
    with pytest.raises(DataError, match="must be symmetric"):
        delta_method(lambda t: t[0], [1, 2], [[1, 2], [3, 4]])
    with pytest.raises(DataError, match="variance of at least 0"):
        delta_method(lambda t: t[0], 1, -1)
    with pytest.raises(DataError, match="finite value"):
        delta_method(lambda t: math.nan, 1, 1)


def test_intervals_load_nothing_heavy():
    code = (
        "import sys; from crmkit import stats; stats.proportion(1, 4); stats.nps_interval(9, 0, 0)\n"
        "print([m for m in ('numpy', 'scipy', 'pandas', 'narwhals', 'statsmodels') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.verify
def test_wilson_covers_on_average():
    shares = np.linspace(0.02, 0.98, 97)
    for n in (10, 50, 300):
        x = np.arange(n + 1)
        lower, upper = wilson_bounds(x, n)
        inside = (lower[:, None] <= shares) & (shares <= upper[:, None])
        covered = (stats.binom.pmf(x[:, None], n, shares) * inside).sum(axis=0)
        assert 0.945 < covered.mean() < 0.965
        assert covered.min() > 0.82


@pytest.mark.verify
def test_poisson_never_covers_too_little():
    x = np.arange(200)
    bounds = np.array([ends(poisson_interval(int(k))) for k in x])
    for rate in np.linspace(0.05, 80, 400):
        inside = (bounds[:, 0] <= rate) & (rate <= bounds[:, 1])
        assert stats.poisson.pmf(x[inside], rate).sum() >= 0.95 - 1e-9
