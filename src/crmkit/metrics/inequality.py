"""Measure how unequally revenue or profit is spread over customers: Gini coefficient and top shares.

Both come with a bootstrap interval, because the customers of one period are a sample of what they could be.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import narwhals as nw

from crmkit import _frames, _params
from crmkit.errors import DataError
from crmkit.stats import allocation, bootstrap
from crmkit.stats.intervals import Interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def gini(
    profit: object,
    *,
    value: str = "revenue",
    random_state: "int | np.random.Generator",
    method: str = "percentile",
    n_resamples: int = 999,
    confidence: float = 0.95,
) -> Interval:
    """Compute the Gini coefficient of a value over customers, with a bootstrap interval.

    Parameters
    ----------
    profit : DataFrame
        One row a customer: `customer_id` and the column `value`.
    value : str, default "revenue"
        Column with the amounts; their total must be positive.
    random_state : int or numpy.random.Generator
        Seed or source of the resampling.
    method : {"percentile", "bca"}, default "percentile"
        Kind of interval; BCa is better for a few hundred customers and slow for ten thousand.
    n_resamples : int, default 999
        Number of resamples, at least 100.
    confidence : float, default 0.95
        Nominal coverage, at least 0.5 and below 1.

    Returns
    -------
    Interval
        The coefficient: 0 where all are equal, (n − 1) / n where one customer has all; `n` is the customers.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If there are no customers, a customer or value is null, a customer appears twice, a value is above
        1e13, or the total is not positive.
    ParameterError
        If an argument is outside its range.

    Notes
    -----
    Negative values, such as losses, are allowed; the coefficient may then exceed 1. Where they are so large
    that resamples have no positive total, there is no interval: both ends are nan, and `method` says so. The
    amounts are fetched as distinct values with their counts.

    References
    ----------
    Gini (1912); the form Σ (2i − n − 1) x(i) / (n Σ x) over values in ascending order.

    Examples
    --------
    >>> import pandas as pd
    >>> base = pd.DataFrame({"customer_id": range(5), "revenue": [0, 0, 0, 0, 10]})
    >>> equal = base.assign(revenue=10)
    >>> gini(equal, random_state=1).estimate
    0.0
    """
    values = _values(profit, _params.column("value", value))
    return _interval(values, _gini, value, random_state, method, n_resamples, confidence)


def top_share(
    profit: object,
    *,
    share: float = 0.2,
    value: str = "profit",
    random_state: "int | np.random.Generator",
    n_resamples: int = 999,
    confidence: float = 0.95,
) -> Interval:
    """Compute what share of a value the best customers have, with a percentile bootstrap interval.

    Parameters
    ----------
    profit : DataFrame
        One row a customer: `customer_id` and the column `value`.
    share : float, default 0.2
        Share of customers taken as the best, above 0 and at most 1.
    value : str, default "profit"
        Column with the amounts; their total must be positive.
    random_state : int or numpy.random.Generator
        Seed or source of the resampling.
    n_resamples : int, default 999
        Number of resamples, at least 100.
    confidence : float, default 0.95
        Nominal coverage, at least 0.5 and below 1.

    Returns
    -------
    Interval
        Their share of the total, above 1 where the others lose; `n` is the customers.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If there are no customers, a customer or value is null, a customer appears twice, a value is above
        1e13, or the total is not positive.
    ParameterError
        If an argument is outside its range.

    Notes
    -----
    As many customers count as are nearest to the share (half a customer rounds up), as in `pareto`. The
    amounts are fetched as distinct values with their counts. The resamples know the customers that were seen:
    where one customer has most of the profit the interval is too short, and where losses are so large that
    resamples have no positive total there is none: both ends are nan, and `method` says so.

    References
    ----------
    Coopers & Lybrand's retail figures: the top 4 % of customers make 29 % of profit; Efron & Tibshirani
    (1993), An Introduction to the Bootstrap, on percentile intervals.

    Examples
    --------
    >>> import pandas as pd
    >>> base = [725] * 4 + [55 * 100 / 26] * 26 + [16 * 100 / 70] * 70
    >>> profit = pd.DataFrame({"customer_id": range(100), "profit": base})
    >>> round(float(top_share(profit, share=0.04, random_state=1)), 4)
    0.29
    """
    part = _params.number("share", share, low=0, high=1, open_low=True)
    values = _values(profit, _params.column("value", value))
    best = int(part * len(values) + 0.5)

    def statistic(sample: "NDArray[np.float64]") -> float:
        return _top(sample, best)

    return _interval(values, statistic, value, random_state, "percentile", n_resamples, confidence)


def _values(profit: object, value: str) -> "NDArray[np.float64]":
    """Fetch the values of all customers, a row a distinct value."""
    import numpy as np

    rows = _frames.scan(profit, {"customer_id": "key", value: "number"}, table="profit")
    rows = rows.with_columns(nw.col(value).cast(nw.Float64))
    checks = {f"with no {name}": nw.col(name).is_null() for name in ("customer_id", value)}
    _frames.refuse(rows, {**checks, **allocation.size_check(value, 2)}, table="profit")
    repeats = rows.group_by("customer_id").agg(_rows=nw.len())
    _frames.refuse(repeats, {"with a repeated customer_id": nw.col("_rows") > 1}, table="profit")
    cells = _frames.collect(rows.group_by(value).agg(_rows=nw.len()).sort(value))
    values: NDArray[np.float64] = np.repeat(cells[value].to_numpy(float), cells["_rows"].to_numpy(int))
    return values


def _interval(
    values: "NDArray[np.float64]",
    statistic: "Callable[[NDArray[np.float64]], float]",
    name: str,
    random_state: "int | np.random.Generator",
    method: str,
    n_resamples: int,
    confidence: float,
) -> Interval:
    total = float(values.sum())
    if len(values) and total <= 0:
        msg = (
            f"`profit` must have a positive total of '{name}', of which shares can be taken. Found "
            f"{total:.10g} for {len(values)} customers: take another column, or read whale_peak(…)."
        )
        raise DataError(msg)
    try:
        return bootstrap.bootstrap_interval(
            values,
            statistic,
            random_state=random_state,
            method=method,
            n_resamples=n_resamples,
            confidence=confidence,
        )
    except DataError:
        if not len(values):
            raise
        lost = "none: resamples without a positive total"
        return Interval(statistic(values), math.nan, math.nan, len(values), confidence, lost)


def _gini(values: "NDArray[np.float64]") -> float:
    import numpy as np

    x, n, total = np.sort(values), len(values), float(values.sum())
    weight = 2.0 * np.arange(1, n + 1) - n - 1
    return float(weight @ x) / (n * total) if total > 0 else np.nan


def _top(values: "NDArray[np.float64]", best: int) -> float:
    import numpy as np

    total = float(values.sum())
    if total <= 0 or best == 0:
        return 0.0 if total > 0 else np.nan
    return float(np.partition(values, len(values) - best)[len(values) - best :].sum()) / total
