"""Score customers by recency, frequency and money, and name the segments that the scores form.

Three steps, each of them a function: `rfm_table` measures, `rfm_cuts` finds the thresholds, `rfm_score`
applies them, to these customers or, later, to others. `rfm` does all three; `rfm_segments` sums up.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw

from crmkit import _frames, _joins, _params
from crmkit._frames import FrameT
from crmkit.segmentation import rfm_catalogue as catalogue
from crmkit.segmentation.rfm_catalogue import MEASURES, SCORES, SEGMENTS, RFMCuts, Segment
from crmkit.stats._tiles import tile_cuts
from crmkit.stats.cuts import assign_expr
from crmkit.tables import _occasions

_ROLES = {"customer_id": "key", **dict.fromkeys(MEASURES, "number")}
_CENTS_AND_MORE = 6


def rfm(
    orders: FrameT,
    *,
    as_of: object,
    bins: int = 5,
    cuts: RFMCuts | Mapping[str, Sequence[float]] | None = None,
    segments: Sequence[Segment] = SEGMENTS,
    returns: str = "net",
    after: str = "raise",
) -> FrameT:
    """Score each customer by recency, frequency and money, and name the segment.

    Parameters
    ----------
    orders : DataFrame
        An orders table: ``customer_id``, ``order_date`` and ``amount``, one row an order or an order line.
    as_of : date, datetime or ISO text
        The day from which recency is counted back; it counts as a whole.
    bins : int, default 5
        Highest score, from 2 to 10: customers are split into as many groups of nearly equal size.
    cuts : RFMCuts or mapping, optional
        Thresholds to use instead, from `rfm_cuts` or chosen by hand; `bins` then does not matter.
    segments : sequence of Segment, optional
        Segments; the first one that holds a customer's scores counts.
    returns : {"net", "drop", "keep"}, default "net"
        What rows with a negative amount do. "net": they reduce ``monetary``, and a day that has returns and a
        sum of 0 or less is no purchase. "drop": they are left out. "keep": every day counts as a purchase.
    after : {"raise", "drop"}, default "raise"
        What happens to rows dated after `as_of`: an error, or they are left out.

    Returns
    -------
    DataFrame
        The same kind of frame, one row a customer with a purchase, sorted by ``customer_id``: the columns of
        `rfm_table` and of `rfm_score`.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    ParameterError
        If an argument is outside its range, or the segments leave a combination of scores without a name.
    DataError
        If a row lacks a customer, a date or a finite amount, is dated after `as_of`, or none is before it.

    Notes
    -----
    5 is best: bought lately, often, for much. Customers who tie share a score, so groups differ in size where
    many tie; see :func:`crmkit.stats.quantile_cuts`. From a lazy frame only thresholds are fetched.

    Where a published score differs, look at two things: ranks that split ties by the order of rows give the
    same history different scores, and a recency counted from the day after the last is a day longer.

    ``frequency`` counts days with a purchase. To count orders, take the steps one by one: `rfm_table` with
    ``merge="order"``, then `rfm_score`.

    References
    ----------
    Hughes, A. M. (1994). Strategic Database Marketing. Probus: quintiles of recency, frequency and money.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.to_datetime(["2024-01-05", "2024-11-30", "2024-12-20", "2024-06-01"])
    >>> amounts = {"customer_id": ["a", "b", "b", "c"], "amount": [9, 50, 70, 20]}
    >>> orders = pd.DataFrame(amounts).assign(order_date=days)
    >>> rfm(orders, as_of="2024-12-31")[["customer_id", "recency_days", "rfm", "score", "segment"]]
      customer_id  recency_days  rfm  score      segment
    0           a           361  111      3  hibernating
    1           b            11  555     15    champions
    2           c           213  313      7  ...
    """
    base = _measured(orders, as_of=as_of, returns=returns, after=after)
    thresholds = _found(base, bins) if cuts is None else catalogue.cuts_from(cuts)
    return _frames.give(_scored(base, thresholds, segments), like=orders, sort=["customer_id"])


def rfm_table(
    orders: FrameT, *, as_of: object, merge: str = "day", returns: str = "net", after: str = "raise"
) -> FrameT:
    """Measure each customer's recency, frequency and money.

    Parameters
    ----------
    orders : DataFrame
        An orders table: ``customer_id``, ``order_date`` and ``amount``, for orders also ``order_id``.
    as_of : date, datetime or ISO text
        The day from which recency is counted back; it counts as a whole.
    merge : {"day", "order"}, default "day"
        Which rows are one purchase: those of a day, or those of an ``order_id``, dated by the first of them.
    returns : {"net", "drop", "keep"}, default "net"
        What rows with a negative amount do, as in `rfm`; with ``merge="order"`` to their order.
    after : {"raise", "drop"}, default "raise"
        What happens to rows dated after `as_of`: an error, or they are left out.

    Returns
    -------
    DataFrame
        The same kind of frame, one row a customer with a purchase, sorted by ``customer_id``:
        ``recency_days`` (days from the last day with a purchase to `as_of`), ``frequency`` (days with a
        purchase, or orders), ``monetary`` (net amount of all rows, rounded to 6 decimals so that equal sums
        are equal).

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    ParameterError
        If an argument is outside its range.
    DataError
        If a row lacks a customer, a date or a finite amount, is dated after `as_of`, or none is before it.

    Notes
    -----
    ``frequency`` counts the first purchase too and ``monetary`` is a sum: :func:`crmkit.clv.summarize`
    leaves the first one out and takes the mean. A customer with nothing but returns has no row:
    :func:`crmkit.clv.summary_audit` counts them.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.to_datetime(["2024-01-05 09:00", "2024-01-05 17:00", "2024-11-30 12:00"])
    >>> orders = pd.DataFrame({"customer_id": [7, 7, 7], "order_date": days, "amount": [80.0, 5.0, -30.0]})
    >>> rfm_table(orders, as_of="2024-12-31")
       customer_id  recency_days  frequency  monetary
    0            7           361          1      55.0
    """
    _params.choice("merge", merge, ("day", "order"))
    base = _measured(orders, as_of=as_of, returns=returns, after=after, by_order=merge == "order")
    return _frames.give(base, like=orders, sort=["customer_id"])


def rfm_cuts(table: Any, *, bins: int = 5) -> RFMCuts:
    """Find the thresholds that split customers into groups of nearly equal size.

    Parameters
    ----------
    table : DataFrame
        One row a customer, as `rfm_table` gives it: ``recency_days``, ``frequency``, ``monetary``.
    bins : int, default 5
        Number of groups for each measure, from 2 to 10.

    Returns
    -------
    RFMCuts
        The thresholds, to be kept and given back as ``cuts=``.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    ParameterError
        If `bins` is outside its range.
    DataError
        If there is no customer, or a measure is missing or infinite.

    Examples
    --------
    >>> import pandas as pd
    >>> measures = {"recency_days": [10, 20, 300], "frequency": [1, 1, 4], "monetary": [5.0, 8.0, 9.0]}
    >>> table = pd.DataFrame(measures)
    >>> rfm_cuts(table, bins=2)
    RFMCuts(recency_days=(10.0,), frequency=(4.0,), monetary=(9.0,))
    """
    return _found(_measures(table, MEASURES), bins)


def rfm_score(
    table: FrameT,
    *,
    cuts: RFMCuts | Mapping[str, Sequence[float]],
    segments: Sequence[Segment] = SEGMENTS,
) -> FrameT:
    """Score measured customers by given thresholds.

    Parameters
    ----------
    table : DataFrame
        One row a customer, as `rfm_table` gives it.
    cuts : RFMCuts or mapping
        Thresholds of ``recency_days``, ``frequency`` and ``monetary``; a value on one
        earns the better score.
    segments : sequence of Segment, optional
        Segments; the first one that holds a customer's scores counts. They are declared on a scale of 1 to 5,
        on which the scores of other numbers of groups are placed by the middle of their share.

    Returns
    -------
    DataFrame
        The same kind of frame, sorted by ``customer_id``: the measures, then ``r``, ``f``, ``m`` (scores from
        1, worst, to best), ``rfm`` (the three as text, "555"; "10-9-10" where a score can have two digits),
        ``score`` (their sum) and ``segment``.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    ParameterError
        If thresholds are not in order, or the segments leave a combination of scores without a name.
    DataError
        If a measure is missing or infinite.

    Notes
    -----
    The default segments are our convention: a grid of recency and frequency that is widely used in practice
    and belongs to no one source. Replace them by your own.

    Examples
    --------
    >>> import pandas as pd
    >>> new = pd.DataFrame({"customer_id": [1], "recency_days": [12], "frequency": [3], "monetary": [90.0]})
    >>> scored = rfm_score(new, cuts={"recency_days": [30, 90], "frequency": [2, 5], "monetary": [50, 500]})
    >>> scored[["r", "f", "m", "segment"]]
       r  f  m              segment
    0  3  2  2  potential loyalists
    """
    rows = _measures(table, tuple(_ROLES))
    return _frames.give(_scored(rows, catalogue.cuts_from(cuts), segments), like=table, sort=["customer_id"])


def rfm_segments(scored: FrameT, *, segments: Sequence[Segment] = SEGMENTS) -> FrameT:
    """Sum up scored customers by segment.

    Parameters
    ----------
    scored : DataFrame
        One row a customer, as `rfm` gives it.
    segments : sequence of Segment, optional
        The segments that were used: their order and their actions.

    Returns
    -------
    DataFrame
        The same kind of frame, one row a segment that has customers, in the order of `segments`:
        ``segment``, ``customers``, ``customer_share``, ``revenue`` (sum of ``monetary``), ``revenue_share``
        (null where the total is not positive), ``mean_recency_days``, ``mean_frequency``, ``mean_monetary``
        and ``action``. Shares are between 0 and 1.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If a segment or a measure is missing or infinite.

    Examples
    --------
    >>> from crmkit.datasets import load_cdnow
    >>> scored = rfm(load_cdnow(sample=True), as_of="1998-06-30")
    >>> rfm_segments(scored)[["segment", "customers", "revenue_share"]].head(3).round(3)
               segment  customers  revenue_share
    0        champions        471          0.506
    1  loyal customers        586          0.311
    2   about to sleep        363          0.042
    """
    import pandas as pd

    rows = _measures(scored, MEASURES, segment="label")
    named = {"segment": [one.name for one in segments], "action": [one.action for one in segments]}
    order = _joins.attach(pd.DataFrame({**named, "_place": range(len(segments))}), to=rows)
    sums = {name: nw.col(name).sum() for name in MEASURES}
    cells = rows.group_by("segment").agg(nw.len().alias("customers"), **sums)
    cells = cells.with_columns(nw.col("customers").cast(nw.Int64), _all=nw.lit(1))
    people, revenue = nw.col("customers"), nw.col("monetary")
    cells = cells.with_columns(_people=people.sum().over("_all"), _revenue=revenue.sum().over("_all"))
    means = {f"mean_{name}": nw.col(name) / people for name in MEASURES}
    table = cells.join(order, on="segment", how="left").sort("_place", "segment", nulls_last=True)
    summed = table.select(
        "segment",
        "customers",
        customer_share=people / nw.col("_people"),
        revenue=revenue,
        revenue_share=nw.when(nw.col("_revenue") > 0).then(revenue / nw.col("_revenue")),
        **means,
        action=nw.col("action"),
    )
    return _frames.give(summed, like=scored)


def _measured(
    orders: object, *, as_of: object, returns: str, after: str, by_order: bool = False
) -> nw.LazyFrame[Any]:
    rules = _occasions.rules(as_of=as_of, returns=returns, after=after)
    rows = _occasions.read(orders, by_order=by_order)
    return (_occasions.by_order if by_order else _occasions.by_customer)(rows, rules).select(
        "customer_id",
        recency_days=rules.end - nw.col("last_day"),
        frequency=nw.col("purchases"),
        monetary=nw.col("amount").round(_CENTS_AND_MORE),
    )


def _measures(table: object, columns: Sequence[str], **others: str) -> nw.LazyFrame[Any]:
    """Open a table of customers whose columns must be complete."""
    rows = _frames.scan(table, {**others, **{name: _ROLES[name] for name in columns}})
    names = [name for name in columns if _ROLES[name] == "number"]
    checks = {f"without {name}": nw.col(name).is_null() for name in (*others, *columns)}
    infinite = {
        f"with infinite {name}": nw.col(name).cast(nw.Float64).abs() == float("inf") for name in names
    }
    _frames.refuse(rows, checks | infinite, table="frame")
    return rows


def _found(base: nw.LazyFrame[Any], bins: int) -> RFMCuts:
    k = _params.integer("bins", bins, low=2, high=10)
    # Recency is negated, so that customers who tie for the best recency get the best score.
    found = tile_cuts(base.with_columns(recency_days=0 - nw.col("recency_days")), MEASURES, k)
    return RFMCuts(_negated(found["recency_days"]), found["frequency"], found["monetary"])


def _negated(cuts: Sequence[float]) -> tuple[float, ...]:
    return tuple(-cut if cut else 0.0 for cut in reversed(cuts))


def _scored(base: nw.LazyFrame[Any], cuts: RFMCuts, segments: Sequence[Segment]) -> nw.LazyFrame[Any]:
    """Add the three scores in the engine, and join what their combination means."""
    import pandas as pd

    scored = base.with_columns(
        r=assign_expr(0 - nw.col("recency_days"), _negated(cuts.recency_days)),
        f=assign_expr(nw.col("frequency"), cuts.frequency),
        m=assign_expr(nw.col("monetary"), cuts.monetary),
    )
    _, fs, ms = cuts.bins
    cell = ((nw.col("r") - 1) * fs + nw.col("f") - 1) * ms + nw.col("m") - 1
    meaning = _joins.attach(pd.DataFrame(catalogue.cells(cuts.bins, segments)), to=base)
    joined = scored.with_columns(_cell=cell).join(meaning, on="_cell", how="left")
    return joined.select("customer_id", *MEASURES, *SCORES, "rfm", "score", "segment")
