"""Cut the customers into bands from the best down: Pareto tables, and the band of each customer.

:func:`pareto` reads the order of the whale curve at any cut points, or takes another order, such as sales
volume for quintiles; :func:`pareto_bands` says who stands in which band.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import narwhals as nw

from crmkit import _frames, _joins, _params
from crmkit._frames import FrameT
from crmkit.metrics.concentration import profits, ranked, share_of
from crmkit.stats import allocation


def pareto(
    profit: FrameT,
    *,
    cuts: Sequence[float] = (0.2,),
    value: str = "profit",
    rank_by: str | None = None,
    digits: int = 2,
) -> FrameT:
    """Add up profit over bands of customers, from the best down, at any cut points.

    Parameters
    ----------
    profit : DataFrame
        One row a customer: `customer_id` and the columns `value` and `rank_by`.
    cuts : sequence of float, default (0.2,)
        Shares of customers at which a band ends, increasing, above 0 and at most 1; the last band runs to 1.
    value : str, default "profit"
        Column to add up, in money.
    rank_by : str, optional
        Column that orders the customers, highest first; `value` if left out. "revenue" with cuts
        (0.2, 0.4, 0.6, 0.8) gives profit by quintile of sales volume.
    digits : int, default 2
        Decimals to which both columns are taken, 0 to 9.

    Returns
    -------
    DataFrame
        One row a band, of the kind of `profit`: `band` from 1, `from_share` and `to_share` of customers,
        `customers`, the column `value`, `value_share` and `cumulative_value_share`, its shares of the total.
        Sorted by band.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If a customer or value is null, a value is above 1e15 minor units, or a customer appears twice.
    ParameterError
        If the cuts or `digits` are not valid.

    Notes
    -----
    A band ends at the customer nearest to its cut (half a customer rounds up), so small bases can have empty
    bands. Customers who are equal in `rank_by` are ordered by `customer_id`. The shares of value are null
    where the total is not positive.

    References
    ----------
    Coopers & Lybrand's retail figures: the top 4 % of customers make 29 % of profit, the next 26 % 55 %.

    Examples
    --------
    >>> import pandas as pd
    >>> base = [725] * 4 + [55 * 100 / 26] * 26 + [16 * 100 / 70] * 70
    >>> profit = pd.DataFrame({"customer_id": range(100), "profit": base})
    >>> table = pareto(profit, cuts=(0.04, 0.30), digits=6)
    >>> table[["to_share", "customers", "value_share"]].round(3)
       to_share  customers  value_share
    0      0.04          4         0.29
    1      0.30         26         0.55
    2      1.00         70         0.16
    """
    import pandas as pd

    places = allocation.minor_digits(digits)
    edges = _edges(cuts)
    _params.column("value", value)
    order = value if rank_by is None else _params.column("rank_by", rank_by)
    rows, facts = profits(profit, list(dict.fromkeys([value, order])), places)
    last = _ends(edges, facts.customers)
    sums = _banded(rows, order, last).group_by("band").agg(_value=nw.col(value).sum())
    bands = pd.DataFrame(
        {
            "band": range(1, len(edges) + 1),
            "from_share": [0.0, *edges[:-1]],
            "to_share": edges,
            "customers": [end - begin for begin, end in itertools.pairwise([0, *last])],
        }
    )
    table = _joins.attach(bands, to=rows).join(sums, on="band", how="left")
    table = table.with_columns(_value=nw.col("_value").fill_null(0).cast(nw.Int64))
    table = table.with_columns(_sum=nw.col("_value").cum_sum().over(order_by="band").cast(nw.Int64))
    shares = {
        "value_share": share_of(nw.col("_value"), facts.total),
        "cumulative_value_share": share_of(nw.col("_sum"), facts.total),
    }
    money = allocation.to_money(nw.col("_value"), places).alias(value)
    return _frames.give(table.select(*bands.columns, money, **shares), like=profit, sort=["band"])


def pareto_bands(
    profit: FrameT, *, cuts: Sequence[float] = (0.2,), rank_by: str = "profit", digits: int = 2
) -> FrameT:
    """Say in which band of :func:`pareto` each customer stands.

    Parameters
    ----------
    profit : DataFrame
        One row a customer: `customer_id` and the column `rank_by`.
    cuts : sequence of float, default (0.2,)
        Shares of customers at which a band ends, increasing, above 0 and at most 1; the last band runs to 1.
    rank_by : str, default "profit"
        Column that orders the customers, highest first, such as "revenue" for quintiles of sales volume.
    digits : int, default 2
        Decimals to which the column is taken, 0 to 9.

    Returns
    -------
    DataFrame
        One row a customer, of the kind of `profit`: `rank` from 1, `customer_id`, the column `rank_by`,
        `customer_share` (rank as a share of all customers) and `band` from 1. Sorted by rank.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If a customer or value is null, a value is above 1e15 minor units, or a customer appears twice.
    ParameterError
        If the cuts, `rank_by` or `digits` are not valid.

    Notes
    -----
    Bands end and equal customers are ordered as in :func:`pareto`, so its `customers` counts these rows.
    Without rows the result has none.

    References
    ----------
    The classes of an ABC analysis are the bands of its cut points.

    Examples
    --------
    >>> import pandas as pd
    >>> base = pd.DataFrame({"customer_id": list("abcde"), "revenue": [10, 40, 30, 40, 20]})
    >>> pareto_bands(base, cuts=(0.2, 0.6), rank_by="revenue")
       rank customer_id  revenue  customer_share  band
    0     1           b     40.0             0.2     1
    1     2           d     40.0             0.4     2
    2     3           c     30.0             0.6     2
    3     4           e     20.0             0.8     3
    4     5           a     10.0             1.0     3
    """
    places = allocation.minor_digits(digits)
    edges = _edges(cuts)
    rows, facts = profits(profit, [_params.column("rank_by", rank_by)], places)
    table = _banded(rows, rank_by, _ends(edges, facts.customers)).select(
        "rank",
        "customer_id",
        allocation.to_money(nw.col(rank_by), places).alias(rank_by),
        customer_share=allocation.quotient(nw.col("rank"), max(facts.customers, 1)),
        band=nw.col("band"),
    )
    return _frames.give(table, like=profit, sort=["rank"])


def _ends(edges: list[float], customers: int) -> list[int]:
    """Find the rank at which each band ends; half a customer rounds up."""
    return [math.floor(edge * customers + 0.5) for edge in edges]


def _banded(rows: nw.LazyFrame[Any], order: str, last: list[int]) -> nw.LazyFrame[Any]:
    """Rank the customers by a column and give each its band."""
    band = nw.lit(1, nw.Int64)
    for number, end in enumerate(last[:-1], start=2):
        band = nw.when(nw.col("rank") > end).then(nw.lit(number, nw.Int64)).otherwise(band)
    return ranked(rows, order).with_columns(band=band)


def _edges(cuts: Sequence[float]) -> list[float]:
    """Check the cut points and add the end."""
    listed = list(cuts) if isinstance(cuts, list | tuple) else [cuts]
    edges = [_params.number("cuts", cut, low=0, high=1, open_low=True) for cut in listed]
    if any(first >= second for first, second in itertools.pairwise(edges)):
        _params.fail("cuts", "in strictly increasing order", cuts)
    return edges if edges and edges[-1] == 1 else [*edges, 1.0]
