"""Ranking measures against scikit-learn, all orders of tied rows, and cases done by hand."""

from itertools import pairwise, permutations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from crmkit.errors import DataError
from crmkit.stats import area_under_curve, normalised_gini


def ordered_gini(actual, order):
    """The area between the curve of the listed rows and the diagonal, trapezoid by trapezoid."""
    reached, area = 0.0, 0.0
    for place in order:
        area += (2 * reached + actual[place]) / (2 * sum(actual) * len(actual))
        reached += actual[place]
    return area - 0.5


def brute_gini(actual, score):
    """The mean over every order of the rows that puts no lower score before a higher one."""
    rows = range(len(actual))
    fitting = [order for order in permutations(rows) if all(score[a] >= score[b] for a, b in pairwise(order))]
    best = ordered_gini(actual, sorted(rows, key=lambda row: -actual[row]))
    return np.mean([ordered_gini(actual, order) for order in fitting]) / best


@pytest.mark.parametrize("seed", range(12))
def test_gini_is_the_mean_over_all_ways_to_break_ties(seed):
    rng = np.random.default_rng(seed)
    actual, score = rng.integers(0, 4, 6).astype(float), rng.integers(0, 3, 6)
    actual[0] += 5
    assert normalised_gini(actual, score) == pytest.approx(brute_gini(actual, score), abs=1e-12)


def test_gini_by_hand():
    # Best first: 3 of 4 reached after one row, 4 of 4 after two; the worst order is its mirror.
    assert normalised_gini([0, 1, 0, 3], [1, 2, 0, 3]) == pytest.approx(1)
    assert normalised_gini([0, 1, 0, 3], [3, 1, 3, 0]) == pytest.approx(-1)
    # Curve of (1, 3): 1/4 after one row; area (1/8 + 5/8)/2 = 3/8 against 5/8 for the best.
    assert normalised_gini([1, 3], [2, 1]) == pytest.approx((3 / 8 - 1 / 2) / (5 / 8 - 1 / 2))
    assert normalised_gini([1, 3], [7, 7]) == 0


def test_weights_are_repeated_rows_for_both():
    rng = np.random.default_rng(1)
    actual, score = rng.poisson(1, 60), rng.integers(0, 15, 60) / 10
    weight = rng.integers(0, 5, 60)
    rows = np.repeat(np.arange(60), weight)
    assert normalised_gini(actual, score, weight=weight) == pytest.approx(
        normalised_gini(actual[rows], score[rows]), rel=1e-12
    )
    event = actual > 0
    assert area_under_curve(event, score, weight=weight) == pytest.approx(
        roc_auc_score(event[rows], score[rows]), rel=1e-12
    )


@pytest.mark.parametrize("seed", range(10))
def test_area_under_curve_equals_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    event, score = rng.random(300) < 0.3, np.round(rng.normal(size=300), seed % 3)
    weight = rng.random(300)
    assert area_under_curve(event, score) == pytest.approx(roc_auc_score(event, score), rel=1e-12)
    assert area_under_curve(event, score, weight=weight) == pytest.approx(
        roc_auc_score(event, score, sample_weight=weight), rel=1e-12
    )


def test_order_of_rows_and_rising_maps_of_scores_change_nothing():
    rng = np.random.default_rng(2)
    actual, score = rng.poisson(1, 200), rng.integers(0, 9, 200).astype(float)
    for measure, outcome in ((normalised_gini, actual), (area_under_curve, actual > 0)):
        value = measure(outcome, score)
        mixed = rng.permutation(200)
        assert measure(outcome[mixed], score[mixed]) == pytest.approx(value, rel=1e-12)
        assert measure(outcome, np.exp(score) - 3) == pytest.approx(value, rel=1e-12)
    assert normalised_gini(actual * 7.5, score) == pytest.approx(normalised_gini(actual, score), rel=1e-12)
    assert area_under_curve(actual > 0, -score) == pytest.approx(1 - area_under_curve(actual > 0, score))
    assert normalised_gini(actual, -score) == pytest.approx(-normalised_gini(actual, score))


def test_nothing_to_rank_is_nan():
    assert np.isnan(normalised_gini([2, 2, 2], [1, 2, 3]))
    assert np.isnan(normalised_gini([0, 0], [1, 2]))
    assert np.isnan(normalised_gini([], []))
    assert np.isnan(normalised_gini([1, 2], [1, 2], weight=[0, 0]))
    for event in ([1, 1], [0, 0], []):
        assert np.isnan(area_under_curve(event, event))


@pytest.mark.parametrize("measure", [normalised_gini, area_under_curve])
def test_bad_input(measure):
    with pytest.raises(DataError, match="1 of 2 rows not finite"):
        measure([0, np.nan], [1, 2])
    with pytest.raises(DataError, match="1 of 2 rows not finite"):
        measure([0, 1], [1, np.inf])
    with pytest.raises(DataError, match="1 of 2 rows negative outcomes"):
        measure([0, -1], [1, 2])
    with pytest.raises(DataError, match="of one length"):
        measure([0, 1, 1], [1, 2])
    for weight in ([1.0], [1.0, -1.0], [1.0, np.nan], [1.0, np.inf]):
        with pytest.raises(DataError, match="weights that are not 2 finite numbers of at least 0"):
            measure([0, 1], [1, 2], weight=weight)
    with pytest.raises(DataError, match="must be numbers"):
        measure(["a", "b"], [1, 2])


def test_an_event_is_one_or_zero():
    with pytest.raises(DataError, match="`event` must be 0 or 1. Found 2 other values"):
        area_under_curve([0, 2, 0.5, 1], [1, 2, 3, 4])
