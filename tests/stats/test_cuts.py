"""Cut points: against brute force over ranks and over all partitions, ties, ends and the seven engines."""

import itertools
import math
from fractions import Fraction

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from crmkit.errors import DataError, ParameterError
from crmkit.stats import assign, assign_expr, break_cuts, given_cuts, quantile_cuts
from crmkit.testing import ENGINES, assert_parity, available

SMALL = st.lists(st.integers(-5, 12), min_size=1, max_size=40)


def brute_tile(value, rows, k):
    """The class of the mean rank of the rows equal to the value, counted one by one."""
    if value == max(rows):
        return k
    if value == min(rows):
        return 1
    ranks = [rank for rank, row in enumerate(sorted(rows), start=1) if row == value]
    middle = Fraction(sum(ranks), len(ranks)) - Fraction(1, 2)
    return next(j for j in range(1, k + 1) if middle <= Fraction(j * len(rows), k))


def brute_breaks(rows, k):
    """The least sum of squares over all ways to cut the distinct values into k classes."""
    distinct = sorted(set(rows))
    best = math.inf
    for starts in itertools.combinations(distinct[1:], k - 1):
        edges = [-math.inf, *starts, math.inf]
        classes = [[x for x in rows if a <= x < b] for a, b in itertools.pairwise(edges)]
        best = min(best, sum(sum((x - np.mean(c)) ** 2 for x in c) for c in classes))
    return best


def spread(rows, cuts):
    rows = np.asarray(rows, dtype=float)
    band = np.array([sum(x >= c for c in cuts) for x in rows])
    return sum(((rows[band == b] - rows[band == b].mean()) ** 2).sum() for b in set(band))


@given(SMALL, st.integers(2, 7))
def test_tiles_equal_counting_ranks(rows, k):
    cuts = quantile_cuts(rows, k)
    assert assign(rows, cuts).tolist() == [brute_tile(x, rows, k) for x in rows]
    assert len(cuts) == k - 1
    assert list(cuts) == sorted(cuts)
    assert set(cuts) <= set(rows)


@given(SMALL, st.integers(2, 7))
def test_best_scores_highest_and_ties_share(rows, k):
    tiles = dict(zip(rows, assign(rows, quantile_cuts(rows, k)), strict=True))
    assert tiles[max(rows)] == k
    if min(rows) < max(rows):
        assert tiles[min(rows)] == 1
    assert [tiles[x] for x in sorted(tiles)] == sorted(tiles.values())


@pytest.mark.parametrize(("n", "k"), [(10, 5), (100, 10), (7, 3), (23, 5), (3, 5), (1000, 4)])
def test_without_ties_classes_differ_by_at_most_one_row(n, k):
    rows = np.random.default_rng(1).permutation(n)
    sizes = np.bincount(assign(rows, quantile_cuts(rows, k)), minlength=k + 1)[1:]
    assert sizes.sum() == n
    assert sizes.max() - sizes.min() <= 1


def test_agrees_with_pandas_qcut_without_ties():
    rows = np.random.default_rng(2).normal(size=1000)
    expected = pd.qcut(rows, 10, labels=False) + 1
    assert assign(rows, quantile_cuts(rows, 10)).tolist() == expected.tolist()


@given(SMALL, st.integers(2, 6))
def test_table_of_counts_gives_the_cuts_of_its_rows(rows, k):
    distinct, count = np.unique(rows, return_counts=True)
    order = np.random.default_rng(3).permutation(len(distinct))
    assert quantile_cuts(distinct[order], k, weights=count[order]) == quantile_cuts(rows, k)
    if len(distinct) >= k:
        assert break_cuts(distinct[order], k, weights=count[order]) == break_cuts(rows, k)


def test_values_without_rows_do_not_count():
    assert quantile_cuts([1, 2, 3, 99], 2, weights=[1, 1, 1, 0]) == quantile_cuts([1, 2, 3], 2)


def test_huge_counts_stay_exact():
    assert quantile_cuts([1, 2, 3, 4], 4, weights=[10**12] * 4) == (2.0, 3.0, 4.0)


def test_all_equal_is_the_greatest():
    assert quantile_cuts([7, 7, 7], 4) == (7.0, 7.0, 7.0)
    assert assign([7], quantile_cuts([7], 5)).tolist() == [5]


def test_tied_majorities_keep_both_ends():
    assert assign([0, 1], quantile_cuts([0, 1], 5, weights=[50, 50])).tolist() == [1, 5]
    assert assign([0, 1, 2], quantile_cuts([0, 1, 2], 5, weights=[5, 5, 90])).tolist() == [1, 1, 5]


@settings(deadline=None)
@given(st.lists(st.integers(0, 60), min_size=2, max_size=14), st.integers(2, 4))
def test_breaks_are_optimal(rows, k):
    if len(set(rows)) < k:
        with pytest.raises(DataError, match="distinct values"):
            break_cuts(rows, k)
        return
    cuts = break_cuts(rows, k)
    assert len(cuts) == len(set(cuts)) == k - 1
    assert spread(rows, cuts) == pytest.approx(brute_breaks(rows, k), abs=1e-9)


def test_as_many_classes_as_values():
    assert break_cuts([5, 1, 3, 3, 9], 4) == (3.0, 5.0, 9.0)


def test_equal_breaks_take_the_lower_start():
    assert break_cuts([0, 1, 2], 2) == (1.0,)


def test_breaks_never_lose_to_kmeans():
    from sklearn.cluster import KMeans

    rows = np.random.default_rng(4).lognormal(4, 1.2, 500)
    for k in (3, 6):
        fit = KMeans(k, n_init=5, random_state=0).fit(rows.reshape(-1, 1))
        assert spread(rows, break_cuts(rows, k)) <= fit.inertia_ * (1 + 1e-9)


def test_breaks_do_not_depend_on_place_and_unit():
    rows = np.random.default_rng(5).integers(0, 1000, 300)
    base = np.array(break_cuts(rows, 5))
    assert break_cuts(rows + 10**7, 5) == tuple(base + 10**7)
    assert break_cuts(rows * 1024, 5) == tuple(base * 1024)


def test_breaks_of_many_distinct_values():
    rows = np.random.default_rng(6).permutation(
        np.concatenate([np.arange(50_000), 10**6 + np.arange(30_000)])
    )
    assert break_cuts(rows, 2) == (10.0**6,)
    # A uniform stretch is halved by the best cut.
    assert break_cuts(rows, 3) == (25_000.0, 10.0**6)


def least_squares(values, counts, k):
    """Fisher's recursion over all pairs of starts and ends, in long arithmetic of numpy: cost only."""
    x = (values - values.mean()).astype(np.longdouble)
    w, wx, wxx = (np.concatenate([[0], np.cumsum(counts * x**power)]) for power in (0, 1, 2))

    def within(end):
        starts = np.arange(end)
        n, s, q = w[end] - w[starts], wx[end] - wx[starts], wxx[end] - wxx[starts]
        return q - s * s / n

    cost = np.full(len(x) + 1, np.inf, dtype=np.longdouble)
    cost[0] = 0
    for _ in range(k):
        cost = np.array(
            [np.inf, *(np.min(cost[:end] + within(end)) for end in range(1, len(x) + 1))], dtype=np.longdouble
        )
    return float(cost[-1])


HEAVY = {
    "even": np.arange(2500.0),
    "normal": np.random.default_rng(1).normal(0, 1, 2500),
    "tail": np.random.default_rng(2).pareto(1.05, 2500),
    "steps": np.concatenate([start + np.random.default_rng(3).random(700) for start in (0, 1, 1.5, 40)]),
}


@pytest.mark.parametrize("shape", HEAVY)
@pytest.mark.parametrize("k", [2, 3])
def test_breaks_of_more_values_than_blocks_are_optimal(shape, k):
    values = np.unique(HEAVY[shape])
    counts = np.random.default_rng(4).integers(1, 4, len(values))
    starts = np.searchsorted(values, break_cuts(values, k, weights=counts))
    edges = [0, *starts, len(values)]
    spent = 0.0
    for low, high in itertools.pairwise(edges):
        part, n = values[low:high], counts[low:high]
        spent += float(np.sum(n * (part - np.average(part, weights=n)) ** 2))
    assert spent == pytest.approx(least_squares(values, counts, k), rel=1e-9)


def test_breaks_of_many_even_values_lie_where_they_must():
    assert break_cuts(np.arange(1_000_000.0), 4) == (250_000.0, 500_000.0, 750_000.0)


def test_value_on_a_cut_goes_up():
    assert assign([9.999, 10, 10.001, 20], [10, 20]).tolist() == [1, 2, 2, 3]
    assert assign([1, 2, 3], (2.0, 2.0, 3.0)).tolist() == [1, 3, 4]
    assert assign([], [1]).tolist() == []


@pytest.mark.parametrize(
    "cuts", [[], [2, 1], [1, 1], [1, math.nan], [math.inf], ["1"], "12", 3, [True, 2], None]
)
def test_given_cuts_must_increase(cuts):
    with pytest.raises(ParameterError, match=r"`cuts` must be at least one finite number, in strictly"):
        given_cuts(cuts)


def test_given_cuts_come_back_as_floats():
    assert given_cuts((np.int64(1), 2.5)) == (1.0, 2.5)


@pytest.mark.parametrize("cuts", [[], [2, 1], [math.nan]])
def test_assign_refuses_bad_cuts(cuts):
    with pytest.raises(ParameterError, match="increasing order"):
        assign([1], cuts)
    with pytest.raises(ParameterError, match="increasing order"):
        assign_expr(nw.col("x"), cuts)


@pytest.mark.parametrize("function", [quantile_cuts, break_cuts])
def test_bad_tables(function):
    with pytest.raises(ParameterError, match="`k` must be an integer at least 2"):
        function([1, 2], 1)
    with pytest.raises(DataError, match="Found 0"):
        function([], 2)
    with pytest.raises(DataError, match="Found 0"):
        function([1.0, 2.0], 2, weights=[0, 0])
    with pytest.raises(DataError, match=r"1 of 2 values missing"):
        function([1, math.nan], 2)
    with pytest.raises(DataError, match="2 dimensions"):
        function([[1, 2]], 2)
    with pytest.raises(DataError, match="convert them"):
        function(["a", "b"], 2)
    with pytest.raises(DataError, match=r"Found 2 weights, 1 of them"):
        function([1, 2], 2, weights=[1, 0.5])
    with pytest.raises(DataError, match=r"Found 1 weights"):
        function([1, 2], 2, weights=[1])


def test_assign_refuses_missing():
    with pytest.raises(DataError, match="1 of 2 values missing"):
        assign([1, None], [3])


def test_input_is_not_changed():
    rows, weights = np.array([3.0, 1.0, 2.0, 2.0]), np.array([1, 2, 3, 4])
    quantile_cuts(rows, 2, weights=weights)
    break_cuts(rows, 2, weights=weights)
    assert rows.tolist() == [3, 1, 2, 2]
    assert weights.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("engine", ENGINES)
def test_expression_classifies_in_every_engine(engine):
    if reason := available(engine):
        pytest.skip(reason)
    cuts = (10.0, 10.0, 20.5)
    frame = pd.DataFrame({"x": [9.5, 10.0, 20.0, 20.5, 1e9, None], "days": [9, 10, 20, 21, 10**9, -3]})
    frame.insert(0, "key", range(6))
    expected = frame.assign(band=[1, 3, 3, 4, 4, None], day_band=[1, 3, 3, 4, 4, 1])

    def classify(native):
        rows = nw.from_native(native)
        bands = {"band": assign_expr(nw.col("x"), cuts), "day_band": assign_expr(nw.col("days"), cuts)}
        return rows.with_columns(**bands).to_native()

    assert_parity(classify, frame, expected=expected, keys=["key"], engines=[engine])
