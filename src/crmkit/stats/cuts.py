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

_BLOCKS = 512  # of candidates, a matrix of whose pairs fits into a processor's cache
_ROUNDING = 1e-12  # of the total sum of squares, more than cumulative sums lose of it


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
    This is k-means in one dimension, solved exactly and without chance: bounds first narrow where each break
    can lie, then a dynamic programme decides, in time k m log m for m distinct values at worst. Equally good
    breaks are told apart by the lower start of the highest class.

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
    windows = _windows(x, sums, k)
    best, starts = np.zeros(1), []
    for below, above in itertools.pairwise(windows):
        best, start = _add_class(sums, best, below, above)
        starts.append(start)
    cuts, end = [], m
    for (low, _), start in zip(windows[:1:-1], starts[:0:-1], strict=True):
        end = int(start[end - low])
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


def _windows(x: "NDArray[np.float64]", sums: "NDArray[np.float64]", k: int) -> list[tuple[int, int]]:
    """Narrow where the starts of the classes can lie, from the first one, 0, to the end of the last, m.

    The candidates of each start are taken in blocks. A class from a start in one block to an end in another
    costs at least what the values between the blocks cost, so paths through such costs bound from below
    every solution that passes through a block; one path through first candidates bounds the best solution
    from above. Blocks beyond that bound are dropped, and what is left is cut into finer blocks.
    """
    import numpy as np

    m = len(x)
    windows = [(0, 0), *((j, m - k + j) for j in range(1, k)), (m, m)]
    size, goal = (k - 1) * m, (k - 1) * 4 * _BLOCKS
    while size > goal:
        edges = [_edges(x, low, high + 1) for low, high in windows]
        first, last = [each[:-1] for each in edges], [each[1:] - 1 for each in edges]
        bounds, least = _bounds(sums, first, last)
        limit = least * (1 + 1e-9) + _ROUNDING * sums[2, -1]
        kept = [np.flatnonzero(bound <= limit) for bound in bounds]
        windows = [(int(s[i[0]]), int(e[i[-1]])) for s, e, i in zip(first, last, kept, strict=True)]
        for j in range(1, k):
            windows[j] = (max(windows[j][0], windows[j - 1][0] + 1), windows[j][1])
            windows[-1 - j] = (windows[-1 - j][0], min(windows[-1 - j][1], windows[-j][1] - 1))
        before, size = size, sum(high - low for low, high in windows)
        if size > 0.8 * before:  # values so even that bounds no longer tell them apart
            break
    return windows


def _edges(x: "NDArray[np.float64]", low: int, end: int) -> "NDArray[np.intp]":
    """Cut candidates into blocks, by number and by value: a long tail needs fine blocks of few values."""
    import numpy as np

    if end - low <= _BLOCKS:
        return np.arange(low, end + 1)
    by_number = np.linspace(low, end, _BLOCKS // 2).astype(int)
    by_value = np.searchsorted(x[low:end], np.linspace(x[low], x[end - 1], _BLOCKS // 2)) + low
    return np.union1d(by_number, by_value)


def _bounds(
    sums: "NDArray[np.float64]", first: "list[NDArray[np.intp]]", last: "list[NDArray[np.intp]]"
) -> "tuple[list[NDArray[np.float64]], float]":
    """Return the lower bound of every block of every start, and an upper bound of the least cost."""
    import numpy as np

    pairs = list(itertools.pairwise(range(len(first))))
    lower = [
        np.where(last[j][None, :] > first[i][:, None], _spread(sums, last[i], first[j]), np.inf)
        for i, j in pairs
    ]
    upper = np.zeros(1)
    forward, backward = [np.zeros(1)], [np.zeros(1)]
    for (i, j), cost in zip(pairs, lower, strict=True):
        forward.append((forward[-1][:, None] + cost).min(axis=0))
        exact = np.where(first[j][None, :] > first[i][:, None], _spread(sums, first[i], first[j]), np.inf)
        upper = (upper[:, None] + exact).min(axis=0)
    for cost in reversed(lower):
        backward.append((cost + backward[-1][None, :]).min(axis=1))
    return [ahead + behind for ahead, behind in zip(forward, reversed(backward), strict=True)], float(
        upper[0]
    )


def _spread(
    sums: "NDArray[np.float64]", start: "NDArray[np.intp]", end: "NDArray[np.intp]"
) -> "NDArray[np.float64]":
    """Compute the sum of squares from every start to every end, 0 where nothing lies between."""
    import numpy as np

    w, x, xx = sums[:, None, end] - sums[:, start, None]
    cost: NDArray[np.float64] = xx - x * x / np.where(w > 0, w, 1.0)
    return np.where(w > 0, np.maximum(cost, 0.0), 0.0)


def _add_class(
    sums: "NDArray[np.float64]", best: "NDArray[np.float64]", below: tuple[int, int], above: tuple[int, int]
) -> "tuple[NDArray[np.float64], NDArray[np.intp]]":
    """Add a class on top: for every end in one window, the best start in the one below, and the cost then.

    The best start grows with the end, so ends half-way between two solved ones search only between
    their starts; each pass halves the distance and evaluates all its ends at once.
    """
    import numpy as np

    span = above[1] - above[0] + 1
    cost = np.full(span + 1, np.inf)
    start = np.full(span + 2, below[1], dtype=np.intp)
    start[0] = below[0]
    stride = 1 << (span.bit_length() - 1)
    while stride:
        at = np.arange(stride, span + 1, 2 * stride)
        end = above[0] - 1 + at
        first, last = start[at - stride], np.minimum(start[np.minimum(at + stride, span + 1)], end - 1)
        size = last - first + 1
        begin = np.cumsum(size) - size
        trial = np.arange(size.sum()) - np.repeat(begin - first, size)
        tried = best[trial - below[0]] + _within(sums, trial, np.repeat(end, size))
        cost[at] = np.minimum.reduceat(tried, begin)
        hits = np.flatnonzero(tried == np.repeat(cost[at], size))
        start[at] = trial[hits[np.searchsorted(hits, begin)]]
        stride //= 2
    return cost[1:], start[1:-1]


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
