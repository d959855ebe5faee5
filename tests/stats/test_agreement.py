"""Kendall's W against scipy's Friedman test, all orders of small cases, and its own corollaries."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from crmkit.errors import DataError, ParameterError
from crmkit.stats import kendall_w


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("top", [3, 6, 1000])
def test_equals_the_friedman_test_of_scipy(seed, top):
    marks = np.random.default_rng(seed).integers(0, top, (4, 9))
    found = kendall_w(marks)
    friedman = stats.friedmanchisquare(*marks.T)
    assert found.chi_square == pytest.approx(friedman.statistic, rel=1e-12)
    assert found.p_value == pytest.approx(friedman.pvalue, rel=1e-10)
    assert float(found) == pytest.approx(friedman.statistic / (4 * 8))
    assert (found.raters, found.items, found.df, found.method) == (4, 9, 8, "chi-square")


def test_mean_rank_correlation_is_its_corollary():
    marks = np.random.default_rng(3).random((5, 7))
    pairs = [stats.spearmanr(a, b).statistic for a, b in itertools.combinations(marks, 2)]
    assert (5 * kendall_w(marks).w - 1) / 4 == pytest.approx(np.mean(pairs))


def test_random_orders_reach_the_exact_distribution():
    marks = [[1, 2, 3, 4], [1, 2, 4, 3], [2, 1, 3, 4]]
    sums = np.array(marks).sum(axis=0)
    orders = [
        np.add(np.add(marks[0], two), three)
        for two, three in itertools.product(itertools.permutations(range(1, 5)), repeat=2)
    ]
    exact = np.mean([(order**2).sum() >= (sums**2).sum() for order in orders])
    found = kendall_w(marks, resamples=4000, random_state=7)
    assert found.p_value == pytest.approx(exact, abs=4 * math.sqrt(exact / 4000))
    assert found.method == "permutation"
    assert found == kendall_w(marks, resamples=4000, random_state=np.random.default_rng(7))


def test_extremes():
    assert kendall_w([[1, 2, 3]] * 4).w == 1
    assert kendall_w([[1, 2, 3], [3, 2, 1]]).w == 0
    nobody = kendall_w([[2, 2, 2], [5, 5, 5]])
    assert math.isnan(nobody.w)
    assert math.isnan(nobody.p_value)
    assert nobody.to_dict()["method"] == "none: all tied"
    one_ties = kendall_w([[2, 2, 2], [1, 2, 3]])
    assert one_ties.w == pytest.approx(stats.friedmanchisquare([2, 1], [2, 2], [2, 3]).statistic / 4)


@pytest.mark.parametrize("marks", [[[1, 2, 3]], [[1], [2]], [1, 2], [[1, math.nan], [1, 2]], []])
def test_unfit_marks_are_refused(marks):
    with pytest.raises(DataError, match="at least two raters"):
        kendall_w(marks)


def test_unfit_arguments_are_refused():
    with pytest.raises(ParameterError, match="`resamples` must be an integer at least 0"):
        kendall_w([[1, 2], [1, 2]], resamples=-1)
    with pytest.raises(ParameterError, match="`random_state`"):
        kendall_w([[1, 2], [1, 2]], resamples=5, random_state=None)
