"""Cut a numeric scale into ordered classes so that equal values always share a class.

A cut belongs to the class above it: class 1 holds values below the first cut, class j + 1 those from
cut j up to, but not including, the next one, and class k = (number of cuts) + 1 those from the last cut up.
The thresholds come from a local table of distinct values and counts, which is all that an engine has to
return; `assign_expr` then classifies inside the engine.
"""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from crmkit import _params
from crmkit.errors import DataError
from crmkit.stats import _arrays

if TYPE_CHECKING:
    import narwhals as nw
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


def quantile_cuts(values: "ArrayLike", k: int, *, weights: "ArrayLike | None" = None) -> tuple[float, ...]:
    """Compute the thresholds of k classes of nearly equal size that never separate ties.

    Parameters
    ----------
    values : array_like
        Finite numbers, in any order, repeated or distinct.
    k : int
        Number of classes, at least 2: 4 for quartiles, 5 for quintiles, 10 for deciles.
    weights : array_like of int, optional
        How many rows each value stands for; one when left out.

    Returns
    -------
    tuple of float
        k − 1 thresholds, each an observed value, not decreasing. A threshold that repeats leaves the class
        below it empty.

    Raises
    ------
    ParameterError
        If `k` is outside its range.
    DataError
        If there is no row, a value is not finite or a weight is not a count.

    Notes
    -----
    With N rows, of which C do not exceed a distinct value held by c of them, the value's class is the one
    that the middle of its rows falls in: ⌈k (C − c/2) / N⌉. Then the least value goes to class 1 and the
    greatest to class k, whatever their number, so that the best customer always scores highest, also when
    half of all customers tie with him; when all values are equal they are the greatest. Without ties the
    classes differ by at most one row. The rule is symmetric: where less is better, such as days since the
    last order, use k + 1 minus the class.

    The upper end, ⌈k C/N⌉, would give 60 % of one-time buyers class 3 of 5; the lower end would give the
    best customers less than k where many of them tie.

    Examples
    --------
    >>> quantile_cuts([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 5)
    (3.0, 5.0, 7.0, 9.0)
    >>> orders, customers = [1, 2, 3, 8], [60, 20, 15, 5]
    >>> cuts = quantile_cuts(orders, 5, weights=customers)
    >>> cuts
    (2.0, 2.0, 2.0, 3.0)
    >>> assign(orders, cuts)
    array([1, 4, 5, 5])
    """
    import numpy as np

    k = _params.integer("k", k, low=2)
    distinct, count = _table(values, weights)
    reached = np.cumsum(count)
    # In whole numbers, because k (C - c/2) / N often is one.
    tile = -((-k * (2 * reached - count)) // (2 * int(reached[-1])))
    tile[0] = 1
    tile[-1] = k
    return tuple(float(x) for x in distinct[np.searchsorted(tile, np.arange(2, k + 1))])


def break_cuts(values: "ArrayLike", k: int, *, weights: "ArrayLike | None" = None) -> tuple[float, ...]:
    """Compute the natural breaks: the k classes with the least sum of squares within them.

    Parameters
    ----------
    values : array_like
        Finite numbers, in any order, repeated or distinct.
    k : int
        Number of classes, at least 2 and at most the number of distinct values.
    weights : array_like of int, optional
        How many rows each value stands for; one when left out.

    Returns
    -------
    tuple of float
        k − 1 strictly increasing thresholds: the least value of each class but the first.

    Raises
    ------
    ParameterError
        If `k` is outside its range.
    DataError
        If there are fewer distinct values than classes, a value is not finite or a weight is not a count.

    Notes
    -----
    This is k-means in one dimension, solved exactly and without chance, in time k m log m for m distinct
    values. Equally good breaks are told apart by the lower start of the highest class.

    References
    ----------
    Fisher (1958), JASA 53, 789–798 (the exact solution, known as Jenks' natural breaks); Wang & Song (2011),
    The R Journal 3(2), 29–33 (the dynamic programme).

    Examples
    --------
    >>> break_cuts([1, 2, 3, 10, 11, 12, 100], 3)
    (10.0, 100.0)
    """
    import numpy as np

    k = _params.integer("k", k, low=2)
    distinct, count = _table(values, weights)
    m = len(distinct)
    if m < k:
        msg = f"{k} classes need at least {k} distinct values. Found {m}: choose a smaller k."
        raise DataError(msg)
    # Centred and scaled, so that sums of squares lose few digits.
    x = (distinct - np.average(distinct, weights=count)) / np.ptp(distinct)
    sums = np.array([np.concatenate([[0.0], np.cumsum(count * x**power)]) for power in (0, 1, 2)])
    best = _within(sums, np.zeros(m, dtype=np.intp), np.arange(1, m + 1))
    starts = []
    for classes in range(2, k + 1):
        best, start = _add_class(sums, best, classes)
        starts.append(start)
    cuts, end = [], m
    for start in reversed(starts):
        end = int(start[end])
        cuts.append(float(distinct[end]))
    return tuple(reversed(cuts))


def _table(
    values: "ArrayLike", weights: "ArrayLike | None"
) -> "tuple[NDArray[np.float64], NDArray[np.int64]]":
    """Reduce rows to distinct values, sorted, with their counts."""
    import numpy as np

    x = _arrays.finite("values", values)
    w = _arrays.counts(weights, x.size)
    distinct, place = np.unique(x[w > 0], return_inverse=True)
    if not distinct.size:
        msg = "cut points need at least one row. Found 0: check the filter before."
        raise DataError(msg)
    count = np.zeros(distinct.size, dtype=np.int64)
    np.add.at(count, place, w[w > 0])
    return distinct, count


def _within(
    sums: "NDArray[np.float64]", start: "NDArray[np.intp]", end: "NDArray[np.intp]"
) -> "NDArray[np.float64]":
    """Compute the sum of squares within the values start … end − 1, from cumulative moments."""
    w, x, xx = sums[:, end] - sums[:, start]
    cost: NDArray[np.float64] = xx - x * x / w
    return cost


def _add_class(
    sums: "NDArray[np.float64]", best: "NDArray[np.float64]", classes: int
) -> "tuple[NDArray[np.float64], NDArray[np.intp]]":
    """Add a class on top: for every end, the best start of that class and the cost then.

    The best start grows with the end, so ends half-way between two solved ones search only between
    their starts; each pass halves the distance and evaluates all its ends at once.
    """
    import numpy as np

    m = len(best)
    cost = np.full(m + 1, np.inf)
    start = np.full(m + 2, m - 1, dtype=np.intp)
    start[:classes] = classes - 1
    span, low = m + 1 - classes, classes - 1
    stride = 1 << (span.bit_length() - 1)
    while stride:
        end = np.arange(low + stride, m + 1, 2 * stride)
        first, last = start[end - stride], np.minimum(start[np.minimum(end + stride, m + 1)], end - 1)
        size = last - first + 1
        begin = np.cumsum(size) - size
        trial = np.arange(size.sum()) - np.repeat(begin - first, size)
        tried = best[trial - 1] + _within(sums, trial, np.repeat(end, size))
        cost[end] = np.minimum.reduceat(tried, begin)
        hits = np.flatnonzero(tried == np.repeat(cost[end], size))
        start[end] = trial[hits[np.searchsorted(hits, begin)]]
        stride //= 2
    return cost[1:], start


def given_cuts(cuts: Sequence[float]) -> tuple[float, ...]:
    """Check cut points that a person chose.

    Parameters
    ----------
    cuts : sequence of float
        Thresholds, finite and strictly increasing, at least one.

    Returns
    -------
    tuple of float
        The same thresholds.

    Raises
    ------
    ParameterError
        If they are anything else.

    Examples
    --------
    >>> given_cuts([30, 90, 365])
    (30.0, 90.0, 365.0)
    """
    return _checked(cuts, strictly=True)


def _checked(cuts: Sequence[float], *, strictly: bool) -> tuple[float, ...]:
    listed = list(cuts) if hasattr(cuts, "__iter__") and not isinstance(cuts, str) else []
    real = all(map(_params.is_number, listed))
    if not listed or not real or any(a > b or (strictly and a == b) for a, b in itertools.pairwise(listed)):
        order = "strictly increasing" if strictly else "increasing"
        _params.fail("cuts", f"at least one finite number, in {order} order", cuts)
    return tuple(float(x) for x in listed)


def assign(values: "ArrayLike", cuts: Sequence[float]) -> "NDArray[np.intp]":
    """Give each value the number of its class; a value on a cut goes to the class above.

    Parameters
    ----------
    values : array_like
        Finite numbers.
    cuts : sequence of float
        Thresholds in increasing order; a repeated one leaves a class empty.

    Returns
    -------
    numpy.ndarray of int
        Classes from 1 to ``len(cuts) + 1``.

    Raises
    ------
    ParameterError
        If the cuts are not finite and increasing.
    DataError
        If a value is missing or infinite.

    Examples
    --------
    >>> assign([29, 30, 90, 1000], [30, 90, 365])
    array([1, 2, 3, 4])
    """
    import numpy as np

    edges = np.array(_checked(cuts, strictly=False))
    return np.searchsorted(edges, _arrays.finite("values", values), side="right") + 1


def assign_expr(expr: "nw.Expr", cuts: Sequence[float]) -> "nw.Expr":
    """Build the narwhals expression that classifies a column inside its engine, as `assign` does.

    Parameters
    ----------
    expr : narwhals.Expr
        A numeric column in which missing is null: engines disagree about NaN.
    cuts : sequence of float
        Thresholds in increasing order; a repeated one leaves a class empty.

    Returns
    -------
    narwhals.Expr
        Classes from 1 to ``len(cuts) + 1``, null for null; use it in ``with_columns``.

    Raises
    ------
    ParameterError
        If the cuts are not finite and increasing.

    Examples
    --------
    >>> import narwhals as nw
    >>> import pandas as pd
    >>> days = nw.from_native(pd.DataFrame({"recency_days": [29, 30, 90, 1000]}))
    >>> days.with_columns(band=assign_expr(nw.col("recency_days"), [30, 90, 365])).to_native()
       recency_days  band
    0            29     1
    1            30     2
    2            90     3
    3          1000     4
    """
    import narwhals as nw

    edges = _checked(cuts, strictly=False)
    result: nw.Expr = nw.lit(1, nw.Int64)
    for number, edge in enumerate(edges, start=2):
        result = nw.when(expr >= edge).then(nw.lit(number, nw.Int64)).otherwise(result)
    return nw.when(~expr.is_null()).then(result)
