"""Differences of shares: published examples, statsmodels, likelihoods maximised by brute force, coverage."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import multinomial
from statsmodels.stats.proportion import confint_proportions_2indep

from crmkit.errors import ParameterError
from crmkit.stats import (
    multinomial_difference,
    newcombe_difference,
    normal_quantile,
    nps_interval,
    wilson_bounds,
)


def ends(interval):
    return interval.lower, interval.upper


@pytest.mark.parametrize(
    ("counts", "lower", "upper"),
    # Newcombe (1998), Statistics in Medicine 17, 873, table II, method 10.
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((0, 10, 0, 10), -0.2775, 0.2775),
        ((10, 10, 0, 20), 0.6791, 1.0),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_newcombe_equals_the_published_table(counts, lower, upper):
    assert np.round(ends(newcombe_difference(*counts)), 4).tolist() == [lower, upper]


@given(st.integers(1, 3000), st.integers(1, 3000), st.floats(0, 1), st.floats(0, 1), st.floats(0.5, 0.999))
def test_newcombe_equals_statsmodels(n1, n2, p1, p2, confidence):
    x1, x2 = round(n1 * p1), round(n2 * p2)
    expected = confint_proportions_2indep(x1, n1, x2, n2, method="newcomb", alpha=1 - confidence)
    result = newcombe_difference(x1, n1, x2, n2, confidence=confidence)
    assert ends(result) == pytest.approx(expected, abs=1e-7)
    assert result.n == n1 + n2
    mirrored = newcombe_difference(x2, n2, x1, n1, confidence=confidence)
    assert ends(mirrored) == pytest.approx((-result.upper, -result.lower), abs=1e-12)


def test_newcombe_of_an_empty_group():
    result = newcombe_difference(1, 2, 0, 0)
    assert math.isnan(float(result))
    assert math.isnan(result.lower)
    assert math.isnan(result.upper)


def score_statistic(b, c, n, theta):
    """Square the standardised difference at the likelihood maximised numerically under p − d = θ."""

    def loss(d):
        cells = np.array([d + theta, d, 1 - 2 * d - theta])
        counts = np.array([b, c, n - b - c])
        return -sum(k * math.log(max(q, 1e-300)) for k, q in zip(counts, cells, strict=True) if k)

    low, high = max(0.0, -theta), (1 - theta) / 2
    d = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-13}).x
    return (b - c - n * theta) ** 2 / (n * (2 * d + theta - theta**2))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_score_interval_equals_brute_force(b, c, rest):
    n = b + c + rest
    assume(n > 0)
    z2 = normal_quantile(0.95) ** 2
    result = multinomial_difference(b, c, n, method="score")
    estimate = (b - c) / n
    for end, edge in ((result.lower, -1), (result.upper, 1)):
        if abs(estimate) == 1 and edge == estimate:
            assert end == edge
            continue
        found = brentq(lambda t: score_statistic(b, c, n, t) - z2, estimate + edge * 1e-9, edge * (1 - 1e-9))
        assert end == pytest.approx(found, abs=1e-5)


@given(st.integers(1, 10**6))
def test_score_interval_of_two_groups_is_wilsons(n):
    z2 = normal_quantile(0.95) ** 2
    assert multinomial_difference(n, 0, n, method="score").lower == pytest.approx(
        (n - z2) / (n + z2), abs=1e-9
    )
    neither = multinomial_difference(0, 0, n)
    assert ends(neither) == pytest.approx((-z2 / (n + z2), z2 / (n + z2)), abs=1e-9)
    assert 2 * wilson_bounds(n, n)[0] - 1 == pytest.approx(multinomial_difference(n, 0, n).lower, abs=1e-9)


def test_methods_agree_in_large_samples():
    wald = multinomial_difference(500_000, 200_000, 10**6, method="wald")
    score = multinomial_difference(500_000, 200_000, 10**6, method="score")
    assert ends(wald) == pytest.approx(ends(score), abs=1e-5)


@given(
    st.integers(0, 200), st.integers(0, 200), st.integers(1, 200), st.sampled_from(["auto", "wald", "score"])
)
def test_difference_is_antisymmetric_and_inside(b, c, rest, method):
    n = b + c + rest
    result = multinomial_difference(b, c, n, method=method)
    assert -1 <= result.lower <= result.estimate <= result.upper <= 1
    mirrored = multinomial_difference(c, b, n, method=method)
    assert ends(mirrored) == pytest.approx((-result.upper, -result.lower), abs=1e-12)


def test_auto_takes_wald_only_with_enough_rows_outside_the_largest_group():
    assert multinomial_difference(80, 10, 100).method == "multinomial Wald"
    assert multinomial_difference(81, 10, 100).method == "Tango score"
    assert multinomial_difference(10, 10, 100).method == "multinomial Wald"
    assert multinomial_difference(5, 5, 100).method == "Tango score"


def test_nps():
    score = nps_interval(50, 30, 20)
    assert f"{float(score):.0f} ± {score.upper - 30:.1f} {30 - score.lower:.1f}" == "30 ± 15.3 15.3"
    assert (score.n, score.method) == (100, "multinomial Wald")
    only = nps_interval(40, 0, 0)
    assert only.estimate == only.upper == 100
    assert 75 < only.lower < 99
    worst = nps_interval(0, 0, 40)
    assert ends(worst) == (-100, -only.lower)
    assert nps_interval(40, 0, 0, method="wald").lower == 100


def test_wald_ends_stay_inside_the_range_of_a_difference():
    assert multinomial_difference(9, 0, 10, method="wald").upper == 1.0  # 0.9 + 0.186
    assert multinomial_difference(0, 9, 10, method="wald").lower == -1.0


def test_results_carry_their_method_and_confidence():
    made = [
        (newcombe_difference(56, 70, 48, 80, confidence=0.9), "Newcombe"),
        (multinomial_difference(50, 20, 100, confidence=0.9), "multinomial Wald"),
        (multinomial_difference(1, 0, 3, confidence=0.9), "Tango score"),
        (multinomial_difference(0, 0, 0, confidence=0.9), "none: no rows"),
        (nps_interval(50, 30, 20, confidence=0.9), "multinomial Wald"),
    ]
    assert [(result.method, result.confidence) for result, _ in made] == [(name, 0.9) for _, name in made]
    score = made[-1][0]  # 30 ± 1.645 √(0.61 / 100) · 100
    assert ends(score) == pytest.approx((17.153, 42.847), abs=1e-3)


def test_nps_without_answers():
    result = nps_interval(0, 0, 0)
    assert math.isnan(float(result))
    assert math.isnan(result.lower)
    assert result.n == 0


def test_bad_counts():
    with pytest.raises(ParameterError, match="`passives` must be an integer at least 0"):
        nps_interval(1, -1, 0)
    with pytest.raises(ParameterError, match="`method` must be one of 'auto', 'wald', 'score'"):
        nps_interval(1, 1, 0, method="exact")
    with pytest.raises(ParameterError, match="`second` must be an integer at least 0 and at most 2"):
        multinomial_difference(3, 3, 5)
    with pytest.raises(ParameterError, match="`first` must be an integer at least 0 and at most 5"):
        multinomial_difference(6, 0, 5)
    with pytest.raises(ParameterError, match="`n` must be an integer at least 0"):
        multinomial_difference(0, 0, -1)
    with pytest.raises(ParameterError, match="`confidence`"):
        multinomial_difference(3, 1, 5, confidence=0.05)


@pytest.mark.verify
@pytest.mark.parametrize("n", [10, 20, 50, 100])
def test_nps_covers(n):
    """Sum the exact probabilities of every sample: no chance involved."""
    cells = [(b, c) for b in range(n + 1) for c in range(n + 1 - b)]
    samples = np.array([(b, c, n - b - c) for b, c in cells])
    bounds = {
        m: np.array([ends(multinomial_difference(b, c, n, method=m)) for b, c in cells])
        for m in ("auto", "wald")
    }
    shares = [
        (0.5, 0.2),
        (0.34, 0.33),
        (0.8, 0.05),
        (0.9, 0.05),
        (0.97, 0.01),
        (0.3, 0.02),
        (0.1, 0.3),
        (0.7, 0.29),
    ]
    for p, d in shares:
        chance = multinomial.pmf(samples, n, [p, d, 1 - p - d])
        covered = {m: chance[(b[:, 0] <= p - d) & (p - d <= b[:, 1])].sum() for m, b in bounds.items()}
        assert covered["auto"] > 0.92
        if (n, p, d) == (10, 0.9, 0.05):
            assert covered["wald"] == pytest.approx(0.65, abs=0.005)
