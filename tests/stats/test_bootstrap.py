"""Bootstrap intervals: the published spatial test data, scipy, degenerate samples, coverage."""

import math
import warnings

import numpy as np
import pytest
from scipy import stats

from crmkit.errors import DataError, ParameterError
from crmkit.stats import bootstrap_interval

# Efron & Tibshirani (1993), table 14.1, variable A.
SPATIAL = [
    48,
    36,
    20,
    29,
    42,
    42,
    20,
    42,
    22,
    41,
    45,
    14,
    6,
    0,
    33,
    28,
    34,
    4,
    32,
    24,
    47,
    41,
    24,
    26,
    30,
    41,
]


def ends(interval):
    return interval.lower, interval.upper


def test_variance_of_the_spatial_data():
    result = bootstrap_interval(SPATIAL, np.var, confidence=0.9, random_state=1)
    assert float(result) == pytest.approx(171.5, abs=0.05)
    # Tables 14.2: BCa 115.8 to 259.6 and percentile 100.8 to 233.9, from 2 000 resamples.
    assert ends(result) == pytest.approx((115.8, 259.6), rel=0.03)
    plain = bootstrap_interval(SPATIAL, np.var, confidence=0.9, random_state=1, method="percentile")
    assert ends(plain) == pytest.approx((100.8, 233.9), rel=0.03)
    assert (result.n, result.method, plain.method) == (26, "BCa bootstrap", "percentile bootstrap")


@pytest.mark.parametrize("method", ["bca", "percentile"])
@pytest.mark.parametrize("statistic", [np.mean, np.var, np.median])
def test_equals_scipy(method, statistic):
    rows = np.random.default_rng(8).lognormal(size=40)
    expected = stats.bootstrap(
        (rows,), statistic, n_resamples=20_000, method=method, random_state=np.random.default_rng(2)
    ).confidence_interval
    result = bootstrap_interval(rows, statistic, method=method, n_resamples=20_000, random_state=3)
    assert ends(result) == pytest.approx(tuple(expected), rel=0.04)


def test_rows_of_several_columns():
    rng = np.random.default_rng(4)
    cost, leads = rng.gamma(3, 10, 60), rng.poisson(5, 60) + 1
    table = np.column_stack([cost, leads])
    result = bootstrap_interval(table, lambda t: t[:, 0].sum() / t[:, 1].sum(), random_state=5)
    expected = stats.bootstrap(
        (cost, leads),
        lambda a, b: a.sum() / b.sum(),
        paired=True,
        vectorized=False,
        random_state=np.random.default_rng(6),
    ).confidence_interval
    assert ends(result) == pytest.approx(tuple(expected), rel=0.03)
    assert result.n == 60


def test_same_seed_same_interval_and_generator_moves_on():
    first = bootstrap_interval(SPATIAL, np.mean, n_resamples=200, random_state=1)
    assert first == bootstrap_interval(
        SPATIAL, np.mean, n_resamples=200, random_state=np.random.default_rng(1)
    )
    rng = np.random.default_rng(1)
    pair = [bootstrap_interval(SPATIAL, np.mean, n_resamples=200, random_state=rng) for _ in range(2)]
    assert pair[0] == first != pair[1]


@pytest.mark.parametrize("rows", [[5.0], [2, 2, 2, 2]])
@pytest.mark.parametrize("method", ["bca", "percentile"])
def test_nothing_varies(rows, method):
    result = bootstrap_interval(rows, np.mean, method=method, n_resamples=100, random_state=1)
    assert float(result) == rows[0]
    assert math.isnan(result.lower)
    assert math.isnan(result.upper)
    assert result.method == "none: every resample is equal"


def test_estimate_outside_its_resamples():
    result = bootstrap_interval(
        [1, 2, 3, 4, 5, 6, 7, 8, 9], lambda x: len(set(x)), n_resamples=100, random_state=1
    )
    assert float(result) == 9
    assert result.upper < 9
    assert result.method == "percentile bootstrap (BCa undefined)"


def test_a_statistic_that_needs_every_row_has_no_acceleration():
    """The variance of the one row that is left of two is not a number: that is no reason to call it BCa."""

    def variance(rows):
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return np.var(rows, ddof=1)

    result = bootstrap_interval([1.0, 2.0], variance, n_resamples=200, random_state=1)
    assert result.method == "percentile bootstrap (BCa undefined)"


@pytest.mark.parametrize("found", ["text", None, [1.0, 2.0], np.ones(2)])
def test_a_statistic_is_one_number(found):
    with pytest.raises(DataError, match="the statistic must be one number. Got .* from 3 rows"):
        bootstrap_interval([1.0, 2.0, 3.0], lambda rows: found, random_state=1)


def test_acceleration_beyond_its_range():
    rows = [0.0] * 99 + [1.0]
    result = bootstrap_interval(rows, np.mean, confidence=1 - 1e-12, n_resamples=500, random_state=1)
    assert result.method == "percentile bootstrap (BCa undefined)"


def test_jackknife_without_variation_is_only_bias_corrected():
    # Leaving one out of three equal pairs never changes the range; resamples do.
    rows = [1.0, 1.0, 2.0, 2.0, 5.0, 5.0]
    result = bootstrap_interval(rows, np.ptp, n_resamples=500, random_state=1)
    assert result.method == "BCa bootstrap"
    assert 0 <= result.lower <= result.upper <= 4


def test_a_statistic_is_a_function():
    with pytest.raises(
        ParameterError, match="`statistic` must be a function of the sample, such as numpy.mean"
    ):
        bootstrap_interval([1, 2, 3], "mean", random_state=1)


def test_bad_arguments():
    with pytest.raises(DataError, match="Found 0 rows"):
        bootstrap_interval([], np.mean, random_state=1)
    with pytest.raises(DataError, match="1 values not finite"):
        bootstrap_interval([1, math.nan], np.mean, random_state=1)
    with pytest.raises(DataError, match=r"of 100 resamples are not"):
        bootstrap_interval(
            [0.0, 0.0, 1.0], lambda x: 1 / x.sum() if x.sum() else math.inf, n_resamples=100, random_state=1
        )
    with pytest.raises(ParameterError, match="`method` must be one of 'bca', 'percentile'"):
        bootstrap_interval([1, 2], np.mean, method="basic", random_state=1)
    with pytest.raises(ParameterError, match="`n_resamples` must be an integer at least 100"):
        bootstrap_interval([1, 2], np.mean, n_resamples=5, random_state=1)
    with pytest.raises(ParameterError, match="`random_state`"):
        bootstrap_interval([1, 2], np.mean, random_state=None)
    with pytest.raises(ParameterError, match="`confidence`"):
        bootstrap_interval([1, 2], np.mean, confidence=5, random_state=1)


@pytest.mark.verify
def test_bca_covers_the_mean_of_skewed_money():
    rng = np.random.default_rng(10)
    runs = 400
    intervals = (
        bootstrap_interval(rng.gamma(2, 50, 60), np.mean, n_resamples=999, random_state=rng)
        for _ in range(runs)
    )
    covered = sum(i.lower <= 100 <= i.upper for i in intervals)
    assert 0.91 <= covered / runs <= 0.98
